//go:build cgo

package llama

import (
	"encoding/json"
	"fmt"
	"sync"
	"unsafe"

	cchat "github.com/moltbot/moltbot/cgo/chat"
	cllama "github.com/moltbot/moltbot/cgo/llama"
	"github.com/moltbot/moltbot/engine/chat"
)

// Template renders conversations with a model's own chat template.
type Template struct {
	c *cchat.Templates
	chat.Template
}

// NewTemplate takes a model's template, or override when it isn't empty. The model
// must outlive the Template; it may be nil with an override, which then knows no
// control tokens. A template that can't tell calls gets tools in the generic form.
// Errors: the template is broken.
func NewTemplate(model *cllama.Model, override string) (*Template, error) {
	var pointer unsafe.Pointer
	var pieces func(string) []chat.Piece
	if model != nil {
		pointer, pieces = model.Pointer(), vocab{model.Vocab()}.pieces
	}
	c, err := cchat.New(pointer, override)
	if err != nil {
		return nil, err
	}
	t := &Template{c: c, Template: chat.Generic{Template: own{c, pieces}}}
	if c.SupportsCalls() {
		t.Template = chat.NewNative(own{c, pieces})
	}
	return t, nil
}

// Explicit tells whether the model or the caller gave a template; false means
// that ChatML stands in.
func (t *Template) Explicit() bool { return t.c.Explicit() }

// Close frees the C memory; prompts that were rendered stay valid.
func (t *Template) Close() { t.c.Close() }

// own is a template as llama.cpp renders it. It constrains nothing.
type own struct {
	c      *cchat.Templates
	pieces func(string) []chat.Piece
}

// Render implements chat.Template.
func (t own) Render(conv chat.Conversation) (chat.Prompt, error) {
	r, err := t.c.Render(t.request(conv))
	if err != nil {
		return chat.Prompt{}, fmt.Errorf("the chat template refused the messages: %w", err)
	}
	return chat.Prompt{Text: r.Prompt, Stops: r.Stops, Keep: r.PreservedTokens, Parser: parsers(r, len(conv.Callable()) > 0), Pieces: t.pieces}, nil
}

func (t own) request(conv chat.Conversation) cchat.Request {
	r := cchat.Request{AddGenerationPrompt: !conv.Past, Kwargs: map[string]json.RawMessage{}, ParallelToolCalls: conv.Parallel, Tools: toolsJSON(conv.Tools)}
	if conv.Choice.Mode == chat.ModeNone {
		r.ToolChoice = string(chat.ModeNone)
	}
	if t.c.SupportsThinking() && (conv.Schema != "" || conv.Choice.Forced()) {
		r.Kwargs["enable_thinking"] = json.RawMessage("false") // the answer is constrained from its first word
	}
	for name, value := range conv.Kwargs {
		r.Kwargs[name] = json.RawMessage(value)
	}
	for _, m := range conv.Messages {
		r.Messages = append(r.Messages, message(m))
	}
	return r
}

// toolsJSON writes tools as OpenAI does; nil: there are none.
func toolsJSON(tools []chat.Tool) json.RawMessage {
	type function struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Parameters  json.RawMessage `json:"parameters"`
	}
	type tool struct {
		Type     string   `json:"type"`
		Function function `json:"function"`
	}
	if len(tools) == 0 {
		return nil
	}
	all := make([]tool, len(tools))
	for i, t := range tools {
		all[i] = tool{"function", function{t.Name, t.Description, json.RawMessage(t.Schema())}}
	}
	b, err := json.Marshal(all)
	if err != nil {
		return json.RawMessage("null") // the schemas were parsed before; the template refuses this
	}
	return b
}

func message(m chat.Message) cchat.Message {
	out := cchat.Message{Role: m.Role, Content: m.Content, Reasoning: m.Reasoning, Name: m.Name, ToolCallID: m.ToolCallID}
	for _, c := range m.ToolCalls {
		out.ToolCalls = append(out.ToolCalls, cchat.ToolCall(c))
	}
	return out
}

// sample is content with a bit of all that a syntax could mark.
const sample = "a <b>c</b> [d] {\"e\": 1}\n\n```f```"

// parsers makes the Parsers of answers: where content is all there is, nothing
// needs to be parsed.
func parsers(r *cchat.Rendered, calls bool) func() chat.Parser {
	parse := func(text string, partial bool) (chat.Parts, error) {
		a, err := r.Parse(text, partial)
		parts := chat.Parts{Content: a.Content, Reasoning: a.Reasoning}
		for _, c := range a.ToolCalls {
			parts.Calls = append(parts.Calls, chat.ToolCall(c))
		}
		return parts, err
	}
	plain := sync.OnceValue(func() bool {
		a, err := r.Parse(sample, false)
		return err == nil && !calls && !r.SupportsThinking && a.Content == sample
	})
	return func() chat.Parser {
		if plain() {
			return chat.Plain{}
		}
		return chat.NewParser(parse)
	}
}
