package openai

import (
	"reflect"
	"strings"
	"testing"

	"github.com/moltbot/moltbot/engine/chat"
	"github.com/moltbot/moltbot/engine/constrain"
)

const twoTools = `"tools": [{"type": "function", "function": {"name": "look", "strict": true, "parameters": {"type": "object"}}}, {"type": "function", "function": {"name": "go"}}]`

func TestToolRules(t *testing.T) {
	for _, c := range []bodyCase{
		{"no tools", `"tools": []`, ""},
		{"tools", twoTools, ""},
		{"tools are an array", `"tools": {"a": 1}`, "tools"},
		{"a tool is an object", `"tools": ["f"]`, "tools[0]"},
		{"a tool has a type", `"tools": [{"function": {"name": "f"}}]`, "tools[0].type"},
		{"another type of tool", `"tools": [{"type": "custom", "custom": {"name": "f"}}]`, "tools[0].type"},
		{"a function has a name", `"tools": [{"type": "function", "function": {}}]`, "tools[0].function.name"},
		{"a name without odd characters", `"tools": [{"type": "function", "function": {"name": "a b"}}]`, "tools[0].function.name"},
		{"a name is not empty", `"tools": [{"type": "function", "function": {"name": ""}}]`, "tools[0].function.name"},
		{"a name of 65 characters", `"tools": [{"type": "function", "function": {"name": "` + strings.Repeat("a", 65) + `"}}]`, "tools[0].function.name"},
		{"parameters are an object", `"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]`, "tools[0].function.parameters"},
		{"two tools of one name", `"tools": [{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "f"}}]`, "tools[1]"},
		{"129 tools", `"tools": [` + strings.Repeat(`{"type": "function", "function": {"name": "f"}}, `, 128) + `{"type": "function", "function": {"name": "f"}}]`, "tools"},
		{"tool_choice none", `"tool_choice": "none"`, ""},
		{"tool_choice auto without tools", `"tool_choice": "auto"`, ""},
		{"tool_choice required without tools", `"tool_choice": "required"`, "tool_choice"},
		{"tool_choice required", twoTools + `, "tool_choice": "required"`, ""},
		{"another tool_choice", twoTools + `, "tool_choice": "perhaps"`, "tool_choice"},
		{"a tool_choice of another type", twoTools + `, "tool_choice": 5`, "tool_choice"},
		{"a named tool", twoTools + `, "tool_choice": {"type": "function", "function": {"name": "go"}}`, ""},
		{"a named tool, flat", twoTools + `, "tool_choice": {"type": "function", "name": "go"}`, ""},
		{"an unknown tool", twoTools + `, "tool_choice": {"type": "function", "function": {"name": "stop"}}`, "tool_choice"},
		{"a tool_choice without a name", twoTools + `, "tool_choice": {"type": "function"}`, "tool_choice.function"},
		{"allowed tools", twoTools + `, "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "go"}}]}}`, ""},
		{"an unknown one among the allowed", twoTools + `, "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "x"}}]}}`, "tool_choice"},
		{"a call required, none allowed", twoTools + `, "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}}`, "tool_choice.allowed_tools.tools"},
		{"parallel_tool_calls is a boolean", `"parallel_tool_calls": 1`, "parallel_tool_calls"},
		{"a grammar beside tools", twoTools + `, "grammar": "root ::= \"a\""`, "grammar"},
		{"a grammar beside tools that may not be called", twoTools + `, "tool_choice": "none", "grammar": "root ::= \"a\""`, ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			chatErr, _ := decodeWith(t, c.fields)
			wantParam(t, chatErr, c.param)
		})
	}
}

func TestFormatRules(t *testing.T) {
	for _, c := range []bodyCase{
		{"text is the default", `"response_format": {"type": "text"}`, ""},
		{"a JSON object", `"response_format": {"type": "json_object"}`, ""},
		{"a JSON schema", `"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}`, ""},
		{"a JSON schema, flat", `"response_format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}`, ""},
		{"a string", `"response_format": "json"`, "response_format"},
		{"without a type", `"response_format": {}`, "response_format.type"},
		{"of unknown type", `"response_format": {"type": "xml"}`, "response_format.type"},
		{"a JSON schema without one", `"response_format": {"type": "json_schema"}`, "response_format.json_schema"},
		{"a JSON schema with a name alone", `"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}`, "response_format.json_schema.schema"},
		{"a schema of another type", `"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": "y"}}`, "response_format.json_schema.schema"},
		{"an odd name", `"response_format": {"type": "json_schema", "json_schema": {"name": "x y", "schema": {}}}`, "response_format.json_schema.name"},
		{"strict is a boolean", `"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}, "strict": "yes"}}`, "response_format.json_schema.strict"},
		{"a schema and a grammar", `"response_format": {"type": "json_object"}, "grammar": "start: \"a\""`, "response_format"},
		{"a grammar is a text", `"grammar": 5`, "grammar"},
		{"a grammar and a pattern", `"grammar": "start: \"a\"", "regex": "a"`, "regex"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			chatErr, _ := decodeWith(t, c.fields)
			wantParam(t, chatErr, c.param)
		})
	}
}

func TestTheDialectOfAGrammar(t *testing.T) {
	for source, want := range map[string]constrain.Kind{`root ::= "a"`: constrain.GBNF, `start: "a"`: constrain.Lark} {
		if got := dialect(source); got != want {
			t.Errorf("%s is %s, want %s", source, got, want)
		}
	}
}

func TestCallsEndAnAnswerInOpenAIsWords(t *testing.T) {
	for _, c := range []struct {
		rule   string
		mode   chat.Mode
		called bool
		want   string
	}{
		{"auto with a call", chat.ModeAuto, true, "tool_calls"},
		{"auto without one", chat.ModeAuto, false, "stop"},
		{"required", chat.ModeRequired, true, "tool_calls"},
		{"a named function", chat.ModeNamed, true, "stop"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r := chatRequest{conversation: chat.Conversation{Choice: chat.Choice{Mode: c.mode}}}
			if got := r.finish("stop", c.called); string(got) != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if got := r.finish("length", c.called); got != "length" {
				t.Errorf("a cut answer ends with %s", got)
			}
		})
	}
}

func TestPiecesOfACallAreToldAsOpenAIDoes(t *testing.T) {
	var s chatState
	told := s.call([]chat.CallDelta{{Index: 0, ID: "x", Name: "look", Arguments: `{"a"`}, {Index: 0, Arguments: `:1}`}, {Index: 1, Name: "go"}})
	want := []callDelta{
		{Index: 0, ID: "x", Type: "function", Function: functionDelta{Name: "look"}},
		{Index: 0, Function: functionDelta{Arguments: `{"a"`}},
		{Index: 0, Function: functionDelta{Arguments: `:1}`}},
		{Index: 1, ID: s.calls[1].ID, Type: "function", Function: functionDelta{Name: "go"}},
	}
	if !reflect.DeepEqual(told, want) || !strings.HasPrefix(s.calls[1].ID, "call_") {
		t.Errorf("got %+v", told)
	}
	if m := s.message(); m.Content != nil || len(m.ToolCalls) != 2 || m.ToolCalls[0].Function.Arguments != `{"a":1}` {
		t.Errorf("got %+v", m)
	}
}
