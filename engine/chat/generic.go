package chat

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Generic tells tools to a model whose template knows none: in the system
// message, with past calls and their results as text. Calls are JSON between
// tags, the form that most open models were taught.
type Generic struct{ Template }

// The tags around a call and around its result.
const (
	callOpen    = "<tool_call>"
	callClose   = "</tool_call>"
	resultOpen  = "<tool_response>\n"
	resultClose = "\n</tool_response>"
)

const (
	toldTools  = "You can call these functions:\n"
	toldHow    = "To call one, write its name and its arguments as JSON between tags, with a pair of tags for each call:\n" + callOpen + "\n{\"name\": \"function\", \"arguments\": {\"argument\": \"value\"}}\n" + callClose
	toldOne    = "\nCall one function at most."
	toldMust   = "\nAnswer with a call now."
	toldNotNow = "Do not call any of them now."
)

// Render implements Template.
func (g Generic) Render(c Conversation) (Prompt, error) {
	callable := c.Callable()
	plain := c
	plain.Tools, plain.Messages = nil, c.withoutCalls()
	p, err := g.Template.Render(plain)
	if err != nil {
		return Prompt{}, err
	}
	switch {
	case len(callable) > 0:
		p.Grammar = p.grammar(c, genericForm(callable), callable)
		p.Parser = callParsers(p.Parser, callable)
	case c.Schema != "":
		p.Grammar = p.contentGrammar(c.Schema)
	}
	return p, nil
}

// withoutCalls returns the messages as a template without tools can tell them.
func (c Conversation) withoutCalls() []Message {
	var out []Message
	for i, m := range c.Messages {
		if m.Role == "tool" && i > 0 && c.Messages[i-1].Role == "tool" {
			out[len(out)-1].Content += "\n" + resultText(m)
			continue
		}
		out = append(out, m.withoutCalls())
	}
	if len(c.Tools) == 0 {
		return out
	}
	return instruct(out, c.instructions())
}

func (m Message) withoutCalls() Message {
	switch {
	case m.Role == "tool":
		return Message{Role: "user", Content: resultText(m)}
	case len(m.ToolCalls) > 0:
		parts := []string{}
		if m.Content != "" {
			parts = append(parts, m.Content)
		}
		for _, call := range m.ToolCalls {
			parts = append(parts, callText(call))
		}
		m.Content, m.ToolCalls = strings.Join(parts, "\n"), nil
	}
	return m
}

func resultText(m Message) string { return resultOpen + m.Content + resultClose }

// callText writes a past call as the model is to write one. Arguments that are no
// JSON stay the text that they are.
func callText(c ToolCall) string {
	arguments := c.Arguments
	if strings.TrimSpace(arguments) == "" {
		arguments = "{}"
	}
	return callOpen + "\n{\"name\": " + quote(c.Name) + ", \"arguments\": " + arguments + "}\n" + callClose
}

// instruct adds text to the system message, or begins with one.
func instruct(messages []Message, text string) []Message {
	if len(messages) > 0 && (messages[0].Role == "system" || messages[0].Role == "developer") {
		messages[0].Content += "\n\n" + text
		return messages
	}
	return slices.Insert(messages, 0, Message{Role: "system", Content: text})
}

// instructions tells the tools and how to call them.
func (c Conversation) instructions() string {
	var b strings.Builder
	b.WriteString(toldTools)
	for _, t := range c.Tools {
		b.WriteString(t.describe() + "\n")
	}
	if c.Choice.Mode == ModeNone {
		return b.String() + toldNotNow
	}
	b.WriteString(toldHow)
	if c.single() {
		b.WriteString(toldOne)
	}
	if c.Choice.Forced() {
		b.WriteString(toldMust)
	}
	return b.String()
}

// describe writes the tool as one line of JSON.
func (t Tool) describe() string {
	var schema bytes.Buffer
	if json.Compact(&schema, []byte(t.Schema())) != nil {
		schema.WriteString(quote(t.Schema()))
	}
	line := `{"name": ` + quote(t.Name)
	if t.Description != "" {
		line += `, "description": ` + quote(t.Description)
	}
	return line + `, "parameters": ` + schema.String() + "}"
}

// quote writes a JSON string that is readable: < and > stay as they are.
func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(s) // a string can be written, and to memory
	return strings.TrimSuffix(b.String(), "\n")
}
