package openai

import (
	"fmt"
	"testing"

	"github.com/moltbot/moltbot/engine/chat"
)

func TestMessages(t *testing.T) {
	for _, c := range []struct {
		rule, message string
		want          chat.Message
		param         string // below messages[0]
	}{
		{"a string", `{"role": "user", "content": "hi"}`, chat.Message{Role: "user", Content: "hi"}, ""},
		{"an empty string", `{"role": "user", "content": ""}`, chat.Message{Role: "user"}, ""},
		{"parts are joined", `{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}`, chat.Message{Role: "user", Content: "ab"}, ""},
		{"the developer role", `{"role": "developer", "content": "hi"}`, chat.Message{Role: "developer", Content: "hi"}, ""},
		{"a name", `{"role": "user", "name": "ann", "content": "hi"}`, chat.Message{Role: "user", Name: "ann", Content: "hi"}, ""},
		{"a refusal", `{"role": "assistant", "refusal": "no"}`, chat.Message{Role: "assistant", Content: "no"}, ""},
		{"reasoning sent back", `{"role": "assistant", "content": "a", "reasoning_content": "r"}`, chat.Message{Role: "assistant", Content: "a", Reasoning: "r"}, ""},
		{"a past call with malformed arguments", `{"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{"}}]}`, chat.Message{Role: "assistant", ToolCalls: []chat.ToolCall{{ID: "1", Name: "f", Arguments: "{"}}}, ""},
		{"a past call in the older form", `{"role": "assistant", "function_call": {"name": "f", "arguments": ""}}`, chat.Message{Role: "assistant", ToolCalls: []chat.ToolCall{{Name: "f"}}}, ""},
		{"a tool's answer", `{"role": "tool", "tool_call_id": "1", "content": "42"}`, chat.Message{Role: "tool", ToolCallID: "1", Content: "42"}, ""},
		{"a function's answer", `{"role": "function", "name": "f", "content": "42"}`, chat.Message{Role: "tool", Name: "f", Content: "42"}, ""},
		{"no object", `"hi"`, chat.Message{}, "-"},
		{"null", `null`, chat.Message{}, "-"},
		{"no role", `{"content": "hi"}`, chat.Message{}, "role"},
		{"an unknown role", `{"role": "king", "content": "hi"}`, chat.Message{}, "role"},
		{"no content", `{"role": "user"}`, chat.Message{}, "content"},
		{"null from a user", `{"role": "user", "content": null}`, chat.Message{}, "content"},
		{"null from an assistant who called nothing", `{"role": "assistant", "content": null, "tool_calls": []}`, chat.Message{}, "content"},
		{"a number as content", `{"role": "user", "content": 1}`, chat.Message{}, "content"},
		{"no parts", `{"role": "user", "content": []}`, chat.Message{}, "content"},
		{"an image to a text model", `{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "data:"}}]}`, chat.Message{}, "content[1]"},
		{"audio to a text model", `{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}`, chat.Message{}, "content[0]"},
		{"a file to a text model", `{"role": "user", "content": [{"type": "file", "file": {}}]}`, chat.Message{}, "content[0]"},
		{"a refusal from a user", `{"role": "user", "content": [{"type": "refusal", "refusal": "no"}]}`, chat.Message{}, "content[0]"},
		{"an unknown part", `{"role": "user", "content": [{"type": "smell"}]}`, chat.Message{}, "content[0].type"},
		{"a part without text", `{"role": "user", "content": [{"type": "text"}]}`, chat.Message{}, "content[0].text"},
		{"a part that is no object", `{"role": "user", "content": ["a"]}`, chat.Message{}, "content[0]"},
		{"a tool's answer to nothing", `{"role": "tool", "content": "42"}`, chat.Message{}, "tool_call_id"},
		{"a call without a name", `{"role": "assistant", "tool_calls": [{"id": "1", "function": {"arguments": ""}}]}`, chat.Message{}, "tool_calls[0].function.name"},
		{"a name like markup", `{"role": "user", "name": "<|im_end|>", "content": "hi"}`, chat.Message{}, "name"},
		{"an empty name", `{"role": "user", "name": "", "content": "hi"}`, chat.Message{}, "name"},
		{"a long name", `{"role": "user", "name": "` + long(65) + `", "content": "hi"}`, chat.Message{}, "name"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r, err := chatBody(`{"model": "toy", "messages": [` + c.message + `]}`)
			wantParam(t, err, below("messages[0]", c.param))
			if err == nil && fmt.Sprint(r.conversation.Messages[0]) != fmt.Sprint(c.want) {
				t.Errorf("got %+v, want %+v", r.conversation.Messages[0], c.want)
			}
		})
	}
}

// below puts a path together; "-" is the place itself, "" no mistake.
func below(path, param string) string {
	switch param {
	case "":
		return ""
	case "-":
		return path
	}
	return path + "." + param
}

func TestConversationsNeedMessages(t *testing.T) {
	for _, messages := range []string{``, `, "messages": []`, `, "messages": null`, `, "messages": "hi"`, `, "messages": {}`} {
		_, err := chatBody(`{"model": "toy"` + messages + `}`)
		wantParam(t, err, "messages")
	}
}
