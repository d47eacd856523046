package openai

import "github.com/moltbot/moltbot/engine/chat"

// decodeFlatTools reads the functions that the model may call, as the Responses
// API writes them: without the nesting of a chat's. A function is strict unless
// it says otherwise.
func decodeFlatTools(v value) []chat.Tool {
	return decodeToolList(v, func(tool object) chat.Tool {
		t := decodeFunction(tool)
		t.Strict = t.Strict || !tool.get("strict").isSet()
		return t
	})
}

// decodeFlatChoice reads tool_choice, whose list of allowed tools is not nested either.
func decodeFlatChoice(v value, tools []chat.Tool) chat.Choice {
	if v.kind() == "object" {
		if o := v.object(); o.get("type").str() == "allowed_tools" {
			return decodeAllowed(o, tools)
		}
	}
	return decodeToolChoice(v, tools)
}
