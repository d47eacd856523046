package chat

import (
	"cmp"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// The JSON readers, the jinja engine and the answer parsers recurse, and C
// cannot grow its stack: what nests deeper is refused before C++ sees it.
const (
	maxJSONDepth   = 100
	maxAnswerDepth = 500
)

// Message is one turn of a conversation.
type Message struct {
	Role       string
	Content    string
	Reasoning  string // what an earlier answer thought, where the client sends it back
	Name       string
	ToolCalls  []ToolCall
	ToolCallID string // of the call that a tool message answers
}

// ToolCall is a function that the model calls.
type ToolCall struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"` // JSON, as the model wrote it
}

// Request is what a template renders.
type Request struct {
	Messages            []Message
	AddGenerationPrompt bool
	// Kwargs are variables of the template, JSON by name. The boolean
	// enable_thinking among them turns reasoning on or off.
	Kwargs            map[string]json.RawMessage
	Tools             json.RawMessage // OpenAI's tools array; nil: none
	ToolChoice        string          // auto, none or required; "": auto
	ParallelToolCalls bool
}

// reserved are the variables that belong to the conversation itself.
var reserved = []string{"messages", "tools", "bos_token", "eos_token", "add_generation_prompt"}

// wire is a Request as the shim reads it.
type wire struct {
	Messages            []wireMessage              `json:"messages"`
	AddGenerationPrompt bool                       `json:"add_generation_prompt"`
	EnableThinking      *bool                      `json:"enable_thinking,omitempty"`
	Kwargs              map[string]json.RawMessage `json:"kwargs,omitempty"`
	Tools               json.RawMessage            `json:"tools,omitempty"`
	ToolChoice          string                     `json:"tool_choice,omitempty"`
	ParallelToolCalls   bool                       `json:"parallel_tool_calls"`
}

type wireMessage struct {
	Role       string     `json:"role"`
	Content    string     `json:"content"`
	Reasoning  string     `json:"reasoning_content,omitempty"`
	Name       string     `json:"name,omitempty"`
	ToolCalls  []wireCall `json:"tool_calls,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
}

type wireCall struct {
	ID       string       `json:"id,omitempty"`
	Type     string       `json:"type"`
	Function wireFunction `json:"function"`
}

type wireFunction struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// encode checks r and writes it for the shim.
func (r Request) encode() ([]byte, error) {
	thinking, err := r.checkKwargs()
	if err != nil {
		return nil, err
	}
	if err := checkJSON("tools", r.Tools); err != nil {
		return nil, err
	}
	w := wire{
		AddGenerationPrompt: r.AddGenerationPrompt, EnableThinking: thinking, Kwargs: r.Kwargs,
		Tools: r.Tools, ToolChoice: r.ToolChoice, ParallelToolCalls: r.ParallelToolCalls,
		Messages: make([]wireMessage, len(r.Messages)),
	}
	for i, m := range r.Messages {
		if w.Messages[i], err = m.wire(); err != nil {
			return nil, fmt.Errorf("messages[%d]: %w", i, err)
		}
	}
	return json.Marshal(w)
}

// checkKwargs returns enable_thinking, nil when it isn't set.
func (r Request) checkKwargs() (thinking *bool, err error) {
	for _, name := range reserved {
		if _, ok := r.Kwargs[name]; ok {
			return nil, fmt.Errorf("the template variable %q can't be set", name)
		}
	}
	for name, value := range r.Kwargs {
		if err := checkText(name); err != nil {
			return nil, fmt.Errorf("template variable: %w", err)
		}
		if err := checkJSON(fmt.Sprintf("template variable %q", name), value); err != nil {
			return nil, err
		}
	}
	if value, ok := r.Kwargs["enable_thinking"]; ok {
		if err := json.Unmarshal(value, &thinking); err != nil {
			return nil, fmt.Errorf("enable_thinking must be a boolean, not %s", value)
		}
	}
	return thinking, nil
}

// wire checks a message and writes it in OpenAI's shape.
func (m Message) wire() (wireMessage, error) {
	w := wireMessage{Role: m.Role, Content: m.Content, Reasoning: m.Reasoning, Name: m.Name, ToolCallID: m.ToolCallID}
	if err := checkText(m.Role, m.Content, m.Reasoning, m.Name, m.ToolCallID); err != nil {
		return w, err
	}
	for _, c := range m.ToolCalls {
		if err := checkText(c.ID, c.Name, c.Arguments); err != nil {
			return w, err
		}
		if depth([]byte(c.Arguments)) > maxJSONDepth {
			return w, fmt.Errorf("the arguments of %s nest deeper than %d", c.Name, maxJSONDepth)
		}
		fn := wireFunction{c.Name, cmp.Or(c.Arguments, "{}")}
		w.ToolCalls = append(w.ToolCalls, wireCall{ID: c.ID, Type: "function", Function: fn})
	}
	return w, nil
}

func checkText(texts ...string) error {
	for _, s := range texts {
		if !utf8.ValidString(s) {
			return fmt.Errorf("not valid UTF-8")
		}
	}
	return nil
}

// checkJSON refuses what isn't JSON or nests too deep; nothing is fine.
func checkJSON(what string, raw json.RawMessage) error {
	switch {
	case raw == nil:
		return nil
	case !utf8.Valid(raw) || !json.Valid(raw):
		return fmt.Errorf("%s: not valid JSON", what)
	case depth(raw) > maxJSONDepth:
		return fmt.Errorf("%s: nests deeper than %d", what, maxJSONDepth)
	}
	return nil
}

// openBrackets returns how many brackets are open at most anywhere in a text,
// quoted or not.
func openBrackets(text string) (most int) {
	now := 0
	for i := range len(text) {
		switch text[i] {
		case '[', '{':
			now++
			most = max(most, now)
		case ']', '}':
			now = max(now-1, 0)
		}
	}
	return most
}

// depth returns how deep the brackets of a JSON text nest, valid or not.
func depth(raw []byte) (deepest int) {
	now, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			now++
			deepest = max(deepest, now)
		case c == ']' || c == '}':
			now--
		}
	}
	return deepest
}
