package chat

import (
	"fmt"
	"strings"

	"github.com/moltbot/moltbot/engine/constrain"
)

// grammar returns what an answer in the generic form must follow; nil: it is free.
func (c Conversation) grammar(prompt string, callable []Tool) *constrain.Grammar {
	switch {
	case len(callable) > 0 && (c.Choice.Forced() || c.Schema != ""):
		return lark(start(prompt, c) + c.callRules(callable))
	case c.Schema != "":
		return contentGrammar(prompt, c.Schema)
	}
	return nil
}

// contentGrammar is that of content under a schema.
func contentGrammar(prompt, schema string) *constrain.Grammar {
	if closing(prompt) == "" {
		return &constrain.Grammar{Kind: constrain.JSONSchema, Source: schema}
	}
	return lark("start: " + quote(closing(prompt)) + " answer\nanswer: %json " + schema + "\n")
}

// start is the first rule: calls, or content under a schema where none is forced.
func start(prompt string, c Conversation) string {
	rule := "start:"
	if lead := closing(prompt); lead != "" {
		rule += " " + quote(lead)
	}
	if c.Schema == "" || c.Choice.Forced() {
		return rule + " calls\n"
	}
	return rule + " (answer | calls)\nanswer: %json " + c.Schema + "\n"
}

// closing returns what ends the reasoning that a prompt has opened at its end, or "".
func closing(prompt string) string {
	prompt = strings.TrimRight(prompt, " \n")
	for open, shut := range map[string]string{"<think>": "</think>", "[THINK]": "[/THINK]"} {
		if strings.HasSuffix(prompt, open) {
			return shut + "\n\n"
		}
	}
	return ""
}

func lark(source string) *constrain.Grammar {
	return &constrain.Grammar{Kind: constrain.Lark, Source: source}
}

// maxCalls bounds a forced answer, lest a model that repeats itself never ends.
const maxCalls = 16

// callRules are the rules of one call or several, with each tool's schema.
func (c Conversation) callRules(callable []Tool) string {
	var b strings.Builder
	b.WriteString("calls: call")
	if !c.single() {
		fmt.Fprintf(&b, ` ("\n" call){0,%d}`, maxCalls-1)
	}
	b.WriteString("\ncall: " + quote(callOpen+"\n") + " (")
	for i := range callable {
		if i > 0 {
			b.WriteString(" | ")
		}
		fmt.Fprintf(&b, "call_%d", i)
	}
	b.WriteString(") " + quote("\n"+callClose) + "\n")
	for i, t := range callable {
		head := `{"name": ` + quote(t.Name) + `, "arguments": `
		fmt.Fprintf(&b, "call_%d: %s arguments_%d \"}\"\narguments_%d: %%json %s\n", i, quote(head), i, i, t.Schema())
	}
	return b.String()
}
