package openai

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/chat"
)

// messagesAnswer is an answer of /v1/messages: blocks, one after the other, of
// which the last may be open.
type messagesAnswer struct {
	body    messageBody
	req     messagesRequest
	parser  chat.Parser
	calls   []*messageBlock // those of the blocks that are calls
	open    bool
	begun   bool // message_start has been told
	counted usage
}

type messageBody struct {
	ID           string          `json:"id"`
	Type         string          `json:"type"`
	Role         string          `json:"role"`
	Model        string          `json:"model"`
	Content      []*messageBlock `json:"content"`
	StopReason   *string         `json:"stop_reason"` // null until the end
	StopSequence *string         `json:"stop_sequence"`
	Usage        messageUsage    `json:"usage"`
}

// messageUsage counts tokens. Those of the prompt are in Input or Read, never in both.
type messageUsage struct {
	Input    int    `json:"input_tokens"`
	Creation int    `json:"cache_creation_input_tokens"` // always 0: keeping a prefix costs nothing
	Read     int    `json:"cache_read_input_tokens"`
	Output   int    `json:"output_tokens"`
	Tier     string `json:"service_tier,omitempty"`
}

// newMessagesAnswer begins an answer to a prompt of that many tokens.
func newMessagesAnswer(model string, req messagesRequest, prompt int, p chat.Parser) *messagesAnswer {
	return &messagesAnswer{req: req, parser: p, body: messageBody{
		ID:      "msg_" + rand.Text(),
		Type:    "message",
		Role:    "assistant",
		Model:   model,
		Content: []*messageBlock{},
		Usage:   messageUsage{Input: prompt, Tier: "standard"},
	}}
}

// start is the message as its first event tells it. How much of the prompt was
// kept is known at the end.
func (a *messagesAnswer) start() messageEvent {
	a.begun = true
	return messageEvent{Type: "message_start", Message: &a.body}
}

func (a *messagesAnswer) push(_ int, c engine.Chunk) ([]any, error) {
	d, err := a.parser.Push(c.Text)
	if err != nil {
		return nil, fmt.Errorf("parsing an answer: %w", err)
	}
	return a.say(d)
}

func (a *messagesAnswer) finish(_ int, r engine.Result) ([]any, error) {
	a.counted.add(r.Usage, true)
	d, err := a.parser.Close()
	if err != nil {
		return nil, fmt.Errorf("parsing the end of an answer: %w", err)
	}
	events, err := a.say(d)
	if err != nil {
		return nil, err
	}
	events = append(events, a.close()...)
	a.body.StopReason, a.body.StopSequence = a.stopReason(r)
	a.body.Usage = messageUsage{
		Input:  r.Usage.Prompt - r.Usage.Cached,
		Read:   r.Usage.Cached,
		Output: r.Usage.Completion,
		Tier:   a.body.Usage.Tier,
	}
	return append(events, a.end(), messageEvent{Type: "message_stop"}), nil
}

// end tells why the message ended and what it cost.
func (a *messagesAnswer) end() messageEvent {
	cost := a.body.Usage
	cost.Tier = ""
	return messageEvent{Type: "message_delta", Usage: &cost, Delta: stopDelta{a.body.StopReason, a.body.StopSequence}}
}

// stopReason says why a message ended, in Anthropic's words.
func (a *messagesAnswer) stopReason(r engine.Result) (reason, sequence *string) {
	switch {
	case r.Finish == engine.FinishLength:
		return orNull("max_tokens"), nil
	case slices.Contains(a.req.stop, r.Stop):
		return orNull("stop_sequence"), &r.Stop
	case len(a.calls) > 0:
		return orNull("tool_use"), nil
	}
	return orNull("end_turn"), nil
}

// say returns the events that tell a piece of an answer.
func (a *messagesAnswer) say(d chat.Delta) ([]any, error) {
	var events []any
	if d.Reasoning != "" {
		events = append(events, a.write(kindThinking, d.Reasoning)...)
	}
	if d.Content != "" {
		events = append(events, a.write(kindText, d.Content)...)
	}
	for _, piece := range d.Calls {
		told, err := a.call(piece)
		if err != nil {
			return nil, err
		}
		events = append(events, told...)
	}
	return events, nil
}

func (a *messagesAnswer) usage() usage { return a.counted }

func (a *messagesAnswer) whole() any { return a.body }

func (a *messagesAnswer) texts() []string {
	var texts []string
	for _, b := range a.body.Content {
		texts = append(texts, strings.TrimSpace(b.name+" "+b.text))
	}
	return []string{strings.Join(texts, "\n")}
}
