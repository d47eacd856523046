package openai

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"

	"github.com/moltbot/moltbot/engine/chat"
)

// The kinds of block that an answer has.
const (
	kindThinking = "thinking"
	kindText     = "text"
	kindToolUse  = "tool_use"
)

// messageBlock is a block of an answer; text is that of a call's arguments too.
type messageBlock struct {
	kind, text string
	id, name   string // of a call
	eager      bool   // its arguments are told as they come
}

// MarshalJSON writes a block as its kind has it.
func (b *messageBlock) MarshalJSON() ([]byte, error) {
	switch b.kind {
	case kindThinking:
		return encode(struct {
			Type      string `json:"type"`
			Thinking  string `json:"thinking"`
			Signature string `json:"signature"` // nothing is signed here
		}{b.kind, b.text, ""})
	case kindToolUse:
		return encode(struct {
			Type  string          `json:"type"`
			ID    string          `json:"id"`
			Name  string          `json:"name"`
			Input json.RawMessage `json:"input"`
		}{b.kind, b.id, b.name, b.input()})
	}
	return encode(struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}{b.kind, b.text})
}

// input returns the arguments of a call, which are an object on this wire. What a
// model wrote that is none is wrapped, as Anthropic advises for such text.
func (b *messageBlock) input() json.RawMessage {
	text := cmp.Or(strings.TrimSpace(b.text), "{}")
	if strings.HasPrefix(text, "{") && json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	wrapped, err := encode(map[string]string{"INVALID_JSON": b.text})
	if err != nil {
		return json.RawMessage("{}")
	}
	return wrapped
}

// messageEvent is an event of a stream; which fields it has depends on its type.
type messageEvent struct {
	Type    string        `json:"type"`
	Message *messageBody  `json:"message,omitempty"`
	Index   *int          `json:"index,omitempty"` // of the block
	Block   *messageBlock `json:"content_block,omitempty"`
	Delta   any           `json:"delta,omitempty"`
	Usage   *messageUsage `json:"usage,omitempty"`
}

// blockDelta is a piece of a block.
type blockDelta struct {
	Type     string `json:"type"`
	Thinking string `json:"thinking,omitempty"`
	Text     string `json:"text,omitempty"`
	Input    string `json:"partial_json,omitempty"`
}

type stopDelta struct {
	Reason   *string `json:"stop_reason"`
	Sequence *string `json:"stop_sequence"`
}

// last returns the open block and its number; nil when none is open.
func (a *messagesAnswer) last() (*messageBlock, *int) {
	n := len(a.body.Content) - 1
	if !a.open {
		return nil, nil
	}
	return a.body.Content[n], &n
}

// begin closes the block before it and opens one.
func (a *messagesAnswer) begin(b *messageBlock) []any {
	events := a.close()
	a.body.Content, a.open = append(a.body.Content, b), true
	_, i := a.last()
	empty := *b
	return append(events, messageEvent{Type: "content_block_start", Index: i, Block: &empty})
}

// close ends the open block, if there is one. A call's input comes at once, now
// that it is known whether it is an object.
func (a *messagesAnswer) close() (events []any) {
	b, i := a.last()
	if b == nil {
		return nil
	}
	if b.kind == kindToolUse && !b.eager {
		events = append(events, inputDelta(i, string(b.input())))
	}
	a.open = false
	return append(events, messageEvent{Type: "content_block_stop", Index: i})
}

// write adds to a block of text or thinking, the open one if it is of that kind.
func (a *messagesAnswer) write(kind, text string) (events []any) {
	if b, _ := a.last(); b == nil || b.kind != kind {
		events = a.begin(&messageBlock{kind: kind})
	}
	b, i := a.last()
	b.text += text
	d := blockDelta{Type: "text_delta", Text: text}
	if kind == kindThinking {
		d = blockDelta{Type: "thinking_delta", Thinking: text}
	}
	return append(events, messageEvent{Type: "content_block_delta", Index: i, Delta: d})
}

// call adds a piece of a call.
func (a *messagesAnswer) call(p chat.CallDelta) (events []any, err error) {
	if p.Index == len(a.calls) {
		b := &messageBlock{kind: kindToolUse, id: cmp.Or(p.ID, "toolu_"+rand.Text()), name: p.Name, eager: a.req.eager[p.Name]}
		a.calls = append(a.calls, b)
		events = a.begin(b)
	}
	b, i := a.last()
	if b != a.calls[p.Index] {
		return nil, errors.New("parsing an answer: a call goes on after its end")
	}
	b.text += p.Arguments
	if b.eager && p.Arguments != "" {
		events = append(events, inputDelta(i, p.Arguments))
	}
	return events, nil
}

func inputDelta(block *int, text string) messageEvent {
	return messageEvent{Type: "content_block_delta", Index: block, Delta: blockDelta{Type: "input_json_delta", Input: text}}
}
