package load

import (
	"encoding/json"
	"fmt"
	"strings"
)

// chunk is what is read of an event, for chat and for plain completions.
type chunk struct {
	Choices []struct {
		Delta struct {
			Content   string     `json:"content"`
			Reasoning string     `json:"reasoning_content"`
			Calls     []toolCall `json:"tool_calls"`
		} `json:"delta"`
		Text   string `json:"text"`
		Finish string `json:"finish_reason"`
	} `json:"choices"`
	Usage *usage `json:"usage"`
	Error *struct {
		Message string `json:"message"`
	} `json:"error"`
}

type toolCall struct {
	Function struct{ Name, Arguments string } `json:"function"`
}

type usage struct {
	Prompt  *int `json:"prompt_tokens"`
	Output  *int `json:"completion_tokens"`
	Details *struct {
		Cached *int `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
}

// text is all that the model wrote: reasoning, content and calls.
func (c *chunk) text() string {
	var b strings.Builder
	for _, choice := range c.Choices {
		b.WriteString(choice.Delta.Reasoning)
		b.WriteString(choice.Delta.Content)
		b.WriteString(choice.Text)
		for _, call := range choice.Delta.Calls {
			b.WriteString(call.Function.Name + call.Function.Arguments)
		}
	}
	return b.String()
}

// count copies what the server counted.
func (u *usage) count(r *Record) {
	r.Prompt, r.Output = u.Prompt, u.Output
	if u.Details != nil {
		r.Cached = u.Details.Cached
	}
}

// body writes the request of a turn.
func (t Target) body(history []Message, turn Turn) ([]byte, error) {
	fields := map[string]any{}
	for _, more := range []map[string]any{turn.Fields, t.Extra} {
		for name, value := range more {
			fields[name] = value
		}
	}
	fields["model"] = t.Model
	fields["max_tokens"] = turn.Tokens
	fields["stream"] = true
	fields["stream_options"] = map[string]bool{"include_usage": true}
	if t.Completions {
		fields["prompt"] = plain(history)
	} else {
		fields["messages"] = history
	}
	b, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	return b, nil
}

// plain is a chat as one text. The blank line behind the last message is where the
// answer goes, so that the next turn goes on from the same text.
func plain(messages []Message) string {
	var b strings.Builder
	for _, m := range messages {
		b.WriteString(m.Content + "\n\n")
	}
	return b.String()
}

func (t Target) endpoint() string {
	if t.Completions {
		return t.URL + "/v1/completions"
	}
	return t.URL + "/v1/chat/completions"
}
