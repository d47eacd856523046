package openai

import (
	"strings"

	"github.com/moltbot/moltbot/engine/chat"
)

const (
	maxName     = 64                  // characters of a participant's name
	notInName   = " \t\r\n\v\f<|\\/>" // what OpenAI keeps out of names, lest they look like markup
	textOnly    = "Invalid content type. This model takes text, not '%s'."
	noneMessage = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead."
)

// decodeMessages reads the conversation.
func decodeMessages(v value) []chat.Message {
	items := v.items()
	if v.isSet() && len(items) == 0 {
		v.fail("empty_array", noneMessage)
	}
	messages := make([]chat.Message, len(items))
	for i, item := range items {
		item.is("object")
		messages[i] = decodeMessage(item.object())
	}
	return messages
}

func decodeMessage(o object) chat.Message {
	m := chat.Message{
		Role: o.need("role").enum("system", "developer", "user", "assistant", "tool", "function"),
		Name: decodeName(o.get("name")),
	}
	switch m.Role {
	case "assistant":
		decodeAssistant(o, &m)
	case "tool":
		m.ToolCallID = o.need("tool_call_id").str()
		m.Content = decodeContent(o.need("content"), m.Role)
	case "function":
		o.need("name")
		m.Role, m.Content = "tool", decodeContent(o.get("content"), m.Role)
	default:
		m.Content = decodeContent(o.need("content"), m.Role)
	}
	return m
}

// decodeAssistant reads an earlier answer: text, a refusal, calls or any of these together.
func decodeAssistant(o object, m *chat.Message) {
	content, refusal := o.get("content"), o.get("refusal")
	m.ToolCalls = decodeToolCalls(o)
	if !content.isSet() && !refusal.isSet() && len(m.ToolCalls) == 0 {
		content.fail("invalid_type", "Invalid value for 'content': expected a string, got null.")
	}
	m.Content = decodeContent(content, m.Role) + refusal.str()
	m.Reasoning = o.get("reasoning_content").str()
	if v := o.get("audio"); v.isSet() {
		v.fail("unsupported_value", textOnly, "audio")
	}
}

// decodeName reads the name of a participant.
func decodeName(v value) string {
	name := v.text(maxName)
	if v.isSet() && (name == "" || strings.ContainsAny(name, notInName)) {
		v.fail("invalid_value", `Invalid '%s': string does not match pattern. Expected a string that matches the pattern '^[^\s<|\\/>]+$'.`, v.path)
	}
	return name
}

// decodeContent reads a string or an array of parts, whose texts are joined.
func decodeContent(v value, role string) string {
	switch v.kind() {
	case "null":
		return ""
	case "string":
		return v.str()
	case "array":
		return decodeParts(v, role)
	}
	v.fail("invalid_type", "Invalid type for '%s': expected one of a string or array of objects, but got %s instead.", v.path, article(v.kind()))
	return ""
}

func decodeParts(v value, role string) string {
	items := v.items()
	if len(items) == 0 {
		v.fail("empty_array", "Invalid '%s': empty array. Expected an array with minimum length 1, but got an empty array instead.", v.path)
	}
	var text strings.Builder
	for _, item := range items {
		item.is("object")
		text.WriteString(decodePart(item.object(), role))
	}
	return text.String()
}

// decodePart returns the text of a part. Images, audio and files are at fault in
// a conversation with a text model; so the part itself is named.
func decodePart(part object, role string) string {
	kind := part.need("type").str()
	switch {
	case kind == "text":
		return part.need("text").str()
	case kind == "refusal" && role == "assistant":
		return part.need("refusal").str()
	case kind == "refusal" || kind == "image_url" || kind == "input_audio" || kind == "file":
		part.fail("unsupported_value", textOnly, kind)
	default:
		part.get("type").fail("invalid_value", "Invalid value: '%s'. Supported values are: 'text' and 'refusal'.", shorten(kind))
	}
	return ""
}

// decodeToolCalls reads past calls, in today's form or the older one of a single
// function_call. Arguments are what a model wrote once: any text will do.
func decodeToolCalls(o object) []chat.ToolCall {
	var calls []chat.ToolCall
	for _, item := range o.get("tool_calls").items() {
		item.is("object")
		call := item.object()
		call.get("type").enum("function")
		calls = append(calls, decodeCall(call.need("id").str(), call.need("function").object()))
	}
	if v := o.get("function_call"); v.isSet() {
		calls = append(calls, decodeCall("", v.object()))
	}
	return calls
}

func decodeCall(id string, function object) chat.ToolCall {
	return chat.ToolCall{ID: id, Name: function.need("name").str(), Arguments: function.need("arguments").str()}
}
