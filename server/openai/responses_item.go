package openai

import (
	"crypto/rand"
	"strings"
)

// The types of item that this server takes and gives.
const (
	itemMessage   = "message"
	itemReasoning = "reasoning"
	itemCall      = "function_call"
	itemOutput    = "function_call_output"
)

// The states of an item and of a response.
const (
	statusRunning    = "in_progress"
	statusCompleted  = "completed"
	statusIncomplete = "incomplete"
	statusFailed     = "failed"
	statusQueued     = "queued"
	statusCancelled  = "cancelled"
)

// item is one thing of a response's input or output, as the wire tells it and
// the store keeps it. Which fields are there depends on Type.
type item struct {
	ID        string  `json:"id"`
	Type      string  `json:"type"`
	Status    string  `json:"status,omitempty"`
	Role      string  `json:"role,omitempty"`
	Content   []part  `json:"content,omitzero"`
	Summary   []part  `json:"summary,omitzero"`
	CallID    string  `json:"call_id,omitempty"`
	Name      string  `json:"name,omitempty"`
	Arguments *string `json:"arguments,omitempty"`
	Output    *string `json:"output,omitempty"`
}

// part is a piece of a message or of reasoning.
type part struct {
	Type        string  `json:"type"`
	Text        *string `json:"text,omitempty"`
	Refusal     *string `json:"refusal,omitempty"`
	Annotations []any   `json:"annotations,omitzero"`
	Logprobs    []any   `json:"logprobs,omitzero"`
}

// textPart is a part with a text; that of an answer carries two lists besides.
func textPart(kind, text string) part {
	p := part{Type: kind, Text: &text}
	if kind == partOutput {
		p.Annotations, p.Logprobs = []any{}, []any{}
	}
	return p
}

// The types of part with a text.
const (
	partInput     = "input_text"
	partOutput    = "output_text"
	partReasoning = "reasoning_text"
	partSummary   = "summary_text"
	partRefusal   = "refusal"
)

// joined is what the parts say together.
func joined(parts []part) string {
	var b strings.Builder
	for _, p := range parts {
		for _, s := range []*string{p.Text, p.Refusal} {
			if s != nil {
				b.WriteString(*s)
			}
		}
	}
	return b.String()
}

// prefixes of the ids of items, by type.
var prefixes = map[string]string{itemMessage: "msg", itemReasoning: "rs", itemCall: "fc", itemOutput: "fco"}

// newID makes an id such as msg_5ha….
func newID(prefix string) string { return prefix + "_" + strings.ToLower(rand.Text()) }
