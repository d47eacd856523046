package openai

import (
	"strings"

	"github.com/moltbot/moltbot/engine/chat"
)

// turn collects the blocks of one message. Results of tools are messages of their
// own in a conversation, so a turn may become several.
type turn struct {
	role     string
	texts    []string
	thought  []string
	calls    []chat.ToolCall
	messages []chat.Message
}

// decodeSystem reads the system prompt, a string or blocks of text.
func decodeSystem(v value) []chat.Message {
	if !v.isSet() {
		return nil
	}
	return []chat.Message{{Role: "system", Content: decodeText(v)}}
}

// decodeText reads a string or blocks of text, which are joined line by line.
func decodeText(v value) string {
	switch v.kind() {
	case "null", "string":
		return v.str()
	case "array":
		return decodeTextBlocks(v)
	}
	v.fail("invalid_type", "Invalid type for '%s': expected one of a string or array of objects, but got %s instead.", v.path, article(v.kind()))
	return ""
}

func decodeTextBlocks(v value) string {
	var texts []string
	for _, item := range v.items() {
		item.is("object")
		block := item.object()
		if kind := block.need("type").str(); kind != "text" {
			item.fail("unsupported_value", textOnly, shorten(kind))
		}
		texts = append(texts, block.need("text").str())
	}
	return strings.Join(texts, "\n")
}

// decodeTurns reads the conversation, which the user has the last word of.
func decodeTurns(v value) []chat.Message {
	items := v.items()
	if v.isSet() && len(items) == 0 {
		v.fail("empty_array", noneMessage)
	}
	var messages []chat.Message
	role := ""
	for _, item := range items {
		item.is("object")
		o := item.object()
		role = o.need("role").enum("user", "assistant")
		messages = append(messages, decodeTurn(o.need("content"), role)...)
	}
	if role == "assistant" {
		v.fail("invalid_value", "Invalid 'messages': this server does not continue an assistant message. The conversation must end with a user message.")
	}
	return messages
}

func decodeTurn(v value, role string) []chat.Message {
	t := turn{role: role}
	if v.kind() != "array" {
		t.texts = append(t.texts, decodeText(v))
	}
	for _, item := range blocksOf(v) {
		item.is("object")
		t.block(item.object())
	}
	t.flush()
	return t.messages
}

// blocksOf returns the blocks of content, at least one; none of content that is a string.
func blocksOf(v value) []value {
	if v.kind() != "array" {
		return nil
	}
	items := v.items()
	if len(items) == 0 {
		v.fail("empty_array", "Invalid '%s': empty array. Expected an array with minimum length 1, but got an empty array instead.", v.path)
	}
	return items
}

// block reads one block of a turn.
func (t *turn) block(o object) {
	kind := o.need("type").str()
	switch {
	case kind == "text":
		t.texts = append(t.texts, o.need("text").str())
	case kind == "tool_result" && t.role == "user":
		t.flush()
		t.messages = append(t.messages, decodeToolResult(o))
	case kind == "tool_use" && t.role == "assistant":
		t.calls = append(t.calls, decodeToolUse(o))
	case kind == "thinking" && t.role == "assistant":
		t.thought = append(t.thought, o.need("thinking").str())
	case kind == "tool_result" || kind == "tool_use" || kind == "thinking":
		o.fail("invalid_value", "Invalid '%s': a %s block does not belong into a message of the role '%s'.", o.path, kind, t.role)
	case kind != "":
		o.fail("unsupported_value", textOnly, shorten(kind))
	}
}

// flush makes a message of the blocks since the last one.
func (t *turn) flush() {
	if len(t.texts)+len(t.thought)+len(t.calls) > 0 {
		t.messages = append(t.messages, chat.Message{
			Role:      t.role,
			Content:   strings.Join(t.texts, "\n"),
			Reasoning: strings.Join(t.thought, "\n"),
			ToolCalls: t.calls,
		})
	}
	t.texts, t.thought, t.calls = nil, nil, nil
}

func decodeToolUse(o object) chat.ToolCall {
	call := chat.ToolCall{ID: o.need("id").str(), Name: o.need("name").str()}
	if input := o.need("input"); input.isSet() && input.is("object") {
		call.Arguments = compact(input.raw)
	}
	return call
}

// decodeToolResult reads what a tool said. A failure is told to the model in words.
func decodeToolResult(o object) chat.Message {
	m := chat.Message{Role: "tool", ToolCallID: o.need("tool_use_id").str(), Content: decodeText(o.get("content"))}
	if o.get("is_error").boolean() {
		m.Content = strings.TrimSuffix("Error: "+m.Content, ": ")
	}
	return m
}
