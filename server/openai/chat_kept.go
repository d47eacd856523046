package openai

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// keptChat is the document of a stored chat completion.
type keptChat struct {
	Completion chatWhole       `json:"completion"` // as it was answered
	Messages   []storedMessage `json:"messages"`   // that it answered
}

// storedMessage is a message that a stored chat completion answered.
type storedMessage struct {
	ID         string          `json:"id"`
	Role       string          `json:"role"`
	Content    *string         `json:"content"`
	Refusal    *string         `json:"refusal"`
	Name       *string         `json:"name"`
	Parts      json.RawMessage `json:"content_parts"` // null where the content was a string
	ToolCalls  json.RawMessage `json:"tool_calls,omitempty"`
	ToolCallID string          `json:"tool_call_id,omitempty"`
}

// chatPrefix begins the ids of chat completions.
const chatPrefix = "chatcmpl"

// decodeStored reads the messages of a body as they are told again.
func decodeStored(v value) []storedMessage {
	var out []storedMessage
	for _, item := range v.items() {
		o := item.object()
		m := storedMessage{Role: o.get("role").str(), Refusal: orNull(o.get("refusal").str()), Name: orNull(o.get("name").str()), ToolCallID: o.get("tool_call_id").str()}
		if content := o.get("content"); content.isSet() {
			text := decodeContent(content, m.Role)
			m.Content = &text
			if content.kind() == "array" {
				m.Parts = content.raw
			}
		}
		if calls := o.get("tool_calls"); calls.isSet() {
			m.ToolCalls = calls.raw
		}
		out = append(out, m)
	}
	return out
}

// keepChat stores a chat completion that has ended, if that is wanted.
func (h *Handler) keepChat(ctx context.Context, a *chatAnswer) error {
	if !a.req.store {
		return nil
	}
	k := keptChat{Completion: a.stored(), Messages: a.req.stored}
	for i := range k.Messages {
		k.Messages[i].ID = fmt.Sprintf("%s-%d", a.ID, i)
	}
	return h.putChat(ctx, k)
}

func (h *Handler) putChat(ctx context.Context, k keptChat) error {
	doc, err := encode(k)
	if err != nil {
		return err
	}
	return h.Responses.Put(string(CallerFrom(ctx).Partition), k.Completion.ID, doc)
}

// recallChat returns a stored chat completion of the caller.
func (h *Handler) recallChat(ctx context.Context, id string) (k keptChat, err error) {
	if h.Responses == nil {
		return keptChat{}, noChat(id)
	}
	doc, ok, err := h.Responses.Get(string(CallerFrom(ctx).Partition), id)
	if err != nil {
		return keptChat{}, err
	}
	if !ok || !strings.HasPrefix(id, chatPrefix+"-") {
		return keptChat{}, noChat(id)
	}
	return readChat(id, doc)
}

func readChat(id string, doc []byte) (k keptChat, err error) {
	if err := json.Unmarshal(doc, &k); err != nil {
		return keptChat{}, fmt.Errorf("reading the chat completion %s: %w", id, err)
	}
	return k, nil
}

func noChat(id string) *Error {
	return Invalid(http.StatusNotFound, "id", "completion_not_found", "Chat completion with id '%s' not found.", shorten(id))
}

// chatFilter says which chat completions a list tells.
type chatFilter struct {
	model    string
	metadata map[string]string
}

// takes tells whether all that is asked for is so.
func (f chatFilter) takes(c chatWhole) bool {
	for name, value := range f.metadata {
		if got, ok := c.Metadata[name]; !ok || got != value {
			return false
		}
	}
	return f.model == "" || f.model == c.Model
}
