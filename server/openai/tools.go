package openai

import (
	"regexp"
	"slices"

	"github.com/moltbot/moltbot/engine/chat"
)

const maxTools = 128 // of one request

var toolName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// decodeTools reads the functions that the model may call.
func decodeTools(v value) []chat.Tool {
	return decodeToolList(v, func(tool object) chat.Tool { return decodeFunction(tool.need("function").object()) })
}

// decodeToolList reads tools, each with the given function.
func decodeToolList(v value, decode func(object) chat.Tool) []chat.Tool {
	items := v.items()
	if len(items) > maxTools {
		v.fail("array_above_max_length", "Invalid 'tools': array too long. Expected an array with maximum length %d, but got an array with length %d instead.", maxTools, len(items))
	}
	tools := make([]chat.Tool, len(items))
	for i, item := range items {
		item.is("object")
		tool := item.object()
		if kind := tool.need("type").str(); kind != "function" {
			tool.get("type").fail("unsupported_value", "Unsupported value for '%s': '%s'. This server offers tools of the type 'function'.", tool.get("type").path, shorten(kind))
		}
		tools[i] = decode(tool)
		if slices.ContainsFunc(tools[:i], func(t chat.Tool) bool { return t.Name == tools[i].Name }) {
			item.fail("invalid_value", "Invalid '%s': there are two tools with the name '%s'.", item.path, tools[i].Name)
		}
	}
	return tools
}

func decodeFunction(o object) chat.Tool {
	t := chat.Tool{
		Name:        decodeToolName(o.need("name")),
		Description: o.get("description").str(),
		Strict:      o.get("strict").boolean(),
	}
	if p := o.get("parameters"); p.isSet() && p.is("object") {
		t.Parameters = compact(p.raw)
	}
	return t
}

func decodeToolName(v value) string {
	name := v.str()
	if v.isSet() && !toolName.MatchString(name) {
		v.fail("invalid_value", "Invalid '%s': string does not match pattern. Expected a string that matches the pattern '%s'.", v.path, toolName)
	}
	return name
}

// decodeToolChoice reads tool_choice: a word, a named function, or a list of those allowed.
func decodeToolChoice(v value, tools []chat.Tool) chat.Choice {
	switch v.kind() {
	case "null":
		return chat.Choice{}
	case "string":
		mode := v.enum("none", "auto", "required")
		if mode == "required" && len(tools) == 0 {
			v.fail("invalid_value", "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.")
		}
		return chat.Choice{Mode: chat.Mode(mode)}
	case "object":
		return decodeChoiceObject(v.object(), tools)
	}
	v.fail("invalid_type", "Invalid type for 'tool_choice': expected one of a string or object, but got %s instead.", article(v.kind()))
	return chat.Choice{}
}

func decodeChoiceObject(o object, tools []chat.Tool) chat.Choice {
	switch o.need("type").enum("function", "allowed_tools") {
	case "function":
		return chat.Choice{Mode: chat.ModeNamed, Names: []string{decodeChosen(o, tools)}}
	case "allowed_tools":
		return decodeAllowed(o.need("allowed_tools").object(), tools)
	}
	return chat.Choice{}
}

func decodeAllowed(o object, tools []chat.Tool) chat.Choice {
	c := chat.Choice{Mode: chat.Mode(o.need("mode").enum("auto", "required")), Names: []string{}}
	for _, item := range o.need("tools").items() {
		item.is("object")
		c.Names = append(c.Names, decodeChosen(item.object(), tools))
	}
	if c.Mode == chat.ModeRequired && len(c.Names) == 0 {
		o.get("tools").fail("empty_array", "Invalid '%s': empty array. A call is required, and no tool may be called.", o.get("tools").path)
	}
	return c
}

// decodeChosen reads the name of a tool, nested as in a tool or flat.
func decodeChosen(o object, tools []chat.Tool) string {
	name := o.get("name")
	if !name.isSet() {
		name = o.need("function").object().need("name")
	}
	n := name.str()
	if n != "" && !slices.ContainsFunc(tools, func(t chat.Tool) bool { return t.Name == n }) {
		value{path: "tool_choice", first: o.first}.fail("invalid_value", "Invalid value for 'tool_choice': there is no tool '%s' among 'tools'.", shorten(n))
	}
	return n
}
