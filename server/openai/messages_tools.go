package openai

import (
	"regexp"
	"slices"

	"github.com/moltbot/moltbot/engine/chat"
)

var messagesToolName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)

// decodeMessagesTools reads the tools that the client runs; eager are those whose
// input is wanted as it comes, before it is known to be whole.
func decodeMessagesTools(v value) (tools []chat.Tool, eager map[string]bool) {
	items := v.items()
	if len(items) > maxTools {
		v.fail("array_above_max_length", "Invalid 'tools': array too long. Expected an array with maximum length %d, but got an array with length %d instead.", maxTools, len(items))
	}
	eager = map[string]bool{}
	for _, item := range items {
		item.is("object")
		o := item.object()
		t := decodeMessagesTool(o)
		if slices.ContainsFunc(tools, func(other chat.Tool) bool { return other.Name == t.Name }) {
			item.fail("invalid_value", "Invalid '%s': there are two tools with the name '%s'.", item.path, shorten(t.Name))
		}
		tools = append(tools, t)
		eager[t.Name] = o.get("eager_input_streaming").boolean()
	}
	return tools, eager
}

func decodeMessagesTool(o object) chat.Tool {
	if kind := o.get("type"); kind.isSet() && kind.str() != "custom" {
		kind.fail("unsupported_value", "Unsupported value for '%s': '%s'. This server runs no tools itself: it offers those of the type 'custom'.", kind.path, shorten(kind.str()))
	}
	name := o.need("name")
	t := chat.Tool{Name: name.str(), Description: o.get("description").str(), Strict: o.get("strict").boolean()}
	if name.isSet() && !messagesToolName.MatchString(t.Name) {
		name.fail("invalid_value", "Invalid '%s': string does not match pattern. Expected a string that matches the pattern '%s'.", name.path, messagesToolName)
	}
	if schema := o.need("input_schema"); schema.isSet() && schema.is("object") {
		t.Parameters = compact(schema.raw)
	}
	if v := o.get("defer_loading"); v.boolean() {
		v.fail("unsupported_value", "Unsupported value for '%s': this server has no search for tools.", v.path)
	}
	return t
}

// decodeMessagesChoice reads tool_choice into the words of a conversation.
func decodeMessagesChoice(v value, c *chat.Conversation) {
	if !v.isSet() || !v.is("object") {
		return
	}
	o := v.object()
	switch kind := o.need("type").enum("auto", "any", "tool", "none"); kind {
	case "any":
		c.Choice.Mode = chat.ModeRequired
	case "tool":
		o.need("name")
		c.Choice = chat.Choice{Mode: chat.ModeNamed, Names: []string{decodeChosen(o, c.Tools)}}
	default:
		c.Choice.Mode = chat.Mode(kind)
	}
	c.Parallel = !o.get("disable_parallel_tool_use").boolean()
	if c.Choice.Mode == chat.ModeRequired && len(c.Tools) == 0 {
		v.fail("invalid_value", "Invalid 'tool_choice': a call is required, and there are no 'tools'.")
	}
}
