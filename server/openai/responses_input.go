package openai

import (
	"github.com/moltbot/moltbot/engine/chat"
)

// decodeResponseInput reads the input: a string stands for a user's message.
func decodeResponseInput(v value) []item {
	switch v.kind() {
	case "null":
		v.missing()
		return nil
	case "string":
		return []item{{ID: newID(prefixes[itemMessage]), Type: itemMessage, Status: statusCompleted, Role: "user", Content: []part{textPart(partInput, v.str())}}}
	case "array":
		return decodeItems(v)
	}
	v.fail("invalid_type", "Invalid type for '%s': expected one of a string or array of objects, but got %s instead.", v.path, article(v.kind()))
	return nil
}

func decodeItems(v value) []item {
	elements := v.items()
	if len(elements) == 0 {
		v.fail("empty_array", "Invalid '%s': empty array. Expected an array with minimum length 1, but got an empty array instead.", v.path)
	}
	items := make([]item, len(elements))
	for i, e := range elements {
		e.is("object")
		items[i] = decodeItem(e.object())
	}
	return items
}

// decodeItem reads one item; without a type it is a message. One that has no id
// gets one.
func decodeItem(o object) item {
	it := item{Type: itemMessage, Status: statusCompleted, ID: o.get("id").str()}
	if kind := o.get("type"); kind.isSet() {
		it.Type = kind.str()
	}
	switch it.Type {
	case itemMessage:
		decodeMessageItem(o, &it)
	case itemReasoning:
		decodeReasoningItem(o, &it)
	case itemCall:
		it.CallID, it.Name = decodeNonEmpty(o.need("call_id")), decodeNonEmpty(o.need("name"))
		arguments := o.need("arguments").str()
		it.Arguments = &arguments
	case itemOutput:
		it.CallID = decodeNonEmpty(o.need("call_id"))
		output := joined(decodeItemParts(o.need("output"), partInput))
		it.Output = &output
	case itemReference:
		it.ID = o.need("id").str()
		return it
	default:
		o.get("type").fail("unsupported_value", "Unsupported value for '%s': '%s'. This server takes items of the types 'message', 'function_call', 'function_call_output', 'reasoning' and 'item_reference'.", o.get("type").path, shorten(it.Type))
	}
	if it.ID == "" {
		it.ID = newID(prefixes[it.Type])
	}
	return it
}

// decodeNonEmpty reads a name that something is found by.
func decodeNonEmpty(v value) string {
	name := v.str()
	if v.isSet() && name == "" {
		v.fail("invalid_value", "Invalid '%s': empty string. Expected a string with minimum length 1.", v.path)
	}
	return name
}

func decodeMessageItem(o object, it *item) {
	it.Role = o.need("role").enum("user", "assistant", "system", "developer")
	kind := partInput
	if it.Role == "assistant" {
		kind = partOutput
	}
	it.Content = decodeItemParts(o.need("content"), kind)
}

// decodeReasoningItem reads reasoning that an earlier answer gave in plain text.
// Encrypted reasoning is another server's: nothing could be made of it.
func decodeReasoningItem(o object, it *item) {
	it.Status = ""
	it.Summary = decodePartsOf(o.get("summary"), partSummary)
	if v := o.get("content"); v.isSet() {
		it.Content = decodePartsOf(v, partReasoning)
	}
	if v := o.get("encrypted_content"); v.isSet() {
		v.fail("unsupported_value", "Unsupported value for '%s': this server can't read encrypted reasoning.", v.path)
	}
}

// decodeItemParts reads a string, or parts of a type; an assistant's may also refuse.
func decodeItemParts(v value, kind string) []part {
	switch v.kind() {
	case "null":
		return []part{}
	case "string":
		return []part{textPart(kind, v.str())}
	case "array":
		if kind == partOutput {
			return decodePartsOf(v, partOutput, partInput, partRefusal)
		}
		return decodePartsOf(v, kind)
	}
	v.fail("invalid_type", "Invalid type for '%s': expected one of a string or array of objects, but got %s instead.", v.path, article(v.kind()))
	return nil
}

func decodePartsOf(v value, kinds ...string) []part {
	parts := []part{}
	for _, e := range v.items() {
		e.is("object")
		o := e.object()
		switch kind := o.need("type").str(); kind {
		case "input_image", "input_file", "input_audio":
			o.fail("unsupported_value", textOnly, kind)
		default:
			parts = append(parts, decodeItemPart(o, kinds))
		}
	}
	return parts
}

func decodeItemPart(o object, kinds []string) part {
	switch kind := o.get("type").enum(kinds...); kind {
	case partRefusal:
		refusal := o.need("refusal").str()
		return part{Type: kind, Refusal: &refusal}
	default:
		return textPart(kind, o.need("text").str())
	}
}

// conversed turns items into the messages of a chat: reasoning, text and calls of
// one turn of the assistant are one message.
func conversed(items []item) ([]chat.Message, error) {
	var messages []chat.Message
	called := map[string]bool{}
	turn := func(fits func(chat.Message) bool) *chat.Message {
		last := len(messages) - 1
		if last < 0 || messages[last].Role != "assistant" || !fits(messages[last]) {
			messages, last = append(messages, chat.Message{Role: "assistant"}), last+1
		}
		return &messages[last]
	}
	for _, it := range items {
		switch {
		case it.Type == itemReasoning:
			turn(func(m chat.Message) bool { return m.Content == "" && len(m.ToolCalls) == 0 }).Reasoning += joined(it.Content)
		case it.Type == itemCall:
			called[it.CallID] = true
			m := turn(func(chat.Message) bool { return true })
			m.ToolCalls = append(m.ToolCalls, chat.ToolCall{ID: it.CallID, Name: it.Name, Arguments: *it.Arguments})
		case it.Type == itemOutput && !called[it.CallID]:
			return nil, badRequest("input", "invalid_value", "No tool call found for function call output with call_id %s.", shorten(it.CallID))
		case it.Type == itemOutput:
			messages = append(messages, chat.Message{Role: "tool", ToolCallID: it.CallID, Content: *it.Output})
		case it.Role == "assistant":
			turn(func(m chat.Message) bool { return m.Content == "" && len(m.ToolCalls) == 0 }).Content = joined(it.Content)
		default:
			messages = append(messages, chat.Message{Role: it.Role, Content: joined(it.Content)})
		}
	}
	return messages, nil
}
