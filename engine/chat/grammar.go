package chat

import (
	"slices"
	"strings"

	"github.com/moltbot/moltbot/engine/constrain"
)

// grammar returns what an answer with calls in that form must follow; nil: it is
// free. callable are the tools, at least one.
func (c Conversation) grammar(prompt string, f form, callable []Tool) *constrain.Grammar {
	switch {
	case c.Choice.Forced():
		return lark(lead(prompt) + " calls\n" + f.rules(c, callable, ""))
	case c.Schema != "":
		return lark(lead(prompt) + " (answer | calls)\nanswer: %json " + c.Schema + "\n" + f.rules(c, callable, ""))
	case c.guarded():
		return f.guard(c, callable)
	}
	return nil
}

// guarded tells whether the model is free to call, yet not how: its arguments
// must satisfy a schema, or one call is all there may be.
func (c Conversation) guarded() bool {
	return !c.Parallel || slices.ContainsFunc(c.Callable(), func(t Tool) bool { return t.Strict })
}

// contentGrammar is that of content under a schema.
func contentGrammar(prompt, schema string) *constrain.Grammar {
	if closing(prompt) == "" {
		return &constrain.Grammar{Kind: constrain.JSONSchema, Source: schema}
	}
	return lark("start: " + quote(closing(prompt)) + " answer\nanswer: %json " + schema + "\n")
}

// lead begins the first rule: with the end of the reasoning that the prompt opened, if it did.
func lead(prompt string) string {
	if text := closing(prompt); text != "" {
		return "start: " + quote(text)
	}
	return "start:"
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
