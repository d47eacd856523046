//go:build cgo

package llama

import (
	"encoding/json"
	"fmt"
	"unsafe"

	cchat "github.com/moltbot/moltbot/cgo/chat"
	"github.com/moltbot/moltbot/engine/chat"
)

// Template renders conversations with a model's own chat template.
type Template struct{ c *cchat.Templates }

// NewTemplate takes a model's template, or override when it isn't empty. model
// is a *llama_model, read here and not kept. Errors: the template is broken.
func NewTemplate(model unsafe.Pointer, override string) (*Template, error) {
	c, err := cchat.New(model, override)
	if err != nil {
		return nil, err
	}
	return &Template{c: c}, nil
}

// Explicit tells whether the model or the caller gave a template; false means
// that ChatML stands in.
func (t *Template) Explicit() bool { return t.c.Explicit() }

// Close frees the C memory; prompts that were rendered stay valid.
func (t *Template) Close() { t.c.Close() }

// Render implements chat.Template.
func (t *Template) Render(conv chat.Conversation) (chat.Prompt, error) {
	r, err := t.c.Render(request(conv))
	if err != nil {
		return chat.Prompt{}, fmt.Errorf("the chat template refused the messages: %w", err)
	}
	return chat.Prompt{Text: r.Prompt, Stops: r.Stops, Keep: r.PreservedTokens, Parser: parser(r)}, nil
}

func request(conv chat.Conversation) cchat.Request {
	r := cchat.Request{AddGenerationPrompt: true, Kwargs: map[string]json.RawMessage{}}
	for name, value := range conv.Kwargs {
		r.Kwargs[name] = json.RawMessage(value)
	}
	for _, m := range conv.Messages {
		r.Messages = append(r.Messages, message(m))
	}
	return r
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

// parser chooses the Parser for an answer: where content is all there is,
// nothing needs to be parsed.
func parser(r *cchat.Rendered) chat.Parser {
	a, err := r.Parse(sample, false)
	if err == nil && !r.SupportsThinking && a.Content == sample {
		return chat.Plain{}
	}
	return chat.NewParser(func(text string, partial bool) (chat.Delta, error) {
		a, err := r.Parse(text, partial)
		return chat.Delta{Content: a.Content, Reasoning: a.Reasoning}, err
	})
}
