package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestContractTools(t *testing.T) { contract(t, shared(t, "smollm2"), toolRules) }

func TestContractStructuredOutput(t *testing.T) { contract(t, shared(t, "smollm2"), structureRules) }

// wantPlaced checks a call of place.
func wantPlaced(t *testing.T, c toolCall) {
	t.Helper()
	var given map[string]string
	err := json.Unmarshal([]byte(c.Function.Arguments), &given)
	if item := given["item"]; err != nil || len(given) != 1 || item != "ladder" && item != "rope" || c.Function.Name != "place" || c.ID == "" || c.Type != "function" {
		t.Errorf("%v: %+v", err, c)
	}
}

// namedOrder forces a call whose arguments take so many steps that a client which
// is slow to read them still gets them in pieces.
func namedOrder(t *testing.T) string {
	t.Helper()
	schema, err := json.Marshal(orderSchema)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`"tools": [{"type": "function", "function": {"name": "place_order", "parameters": %s}}],
		"tool_choice": {"type": "function", "function": {"name": "place_order"}}`, schema)
}

var toolRules = []rule{
	{"required forces a valid call from a template that knows no tools", func(t *testing.T, s *server) {
		c := s.chat(t, `"max_tokens": 300, "temperature": 1, "seed": 4, "tool_choice": "required", `+place).whole().Choices[0]
		calls := c.Message.ToolCalls
		if c.Finish == "length" { // in the midst of the last one
			calls = calls[:max(0, len(calls)-1)]
		}
		if len(calls) == 0 {
			t.Errorf("no call: %+v", c)
		}
		for _, call := range calls {
			wantPlaced(t, call)
		}
	}},
	{"a named function is called", func(t *testing.T, s *server) {
		calls := s.chat(t, `"max_tokens": 60, `+namedPlace+", "+place).whole().Choices[0].Message.ToolCalls
		if len(calls) != 1 {
			t.Fatalf("%+v", calls)
		}
		wantPlaced(t, calls[0])
	}},
	{"tools and past calls reach the prompt", func(t *testing.T, s *server) {
		prompt := s.send(t, "POST", "/apply-template", s.fields(t, place, `"messages": [{"role": "user", "content": "Order."},
			{"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "place", "arguments": "{\"item\": \"rope\"}"}}]},
			{"role": "tool", "tool_call_id": "call_1", "content": "order 17"}]`)).body
		for _, word := range []string{"Places an order.", "ladder", "rope", "order 17"} {
			if !strings.Contains(prompt, word) {
				t.Errorf("%q is not in %s", word, prompt)
			}
		}
	}},
	{"deltas: index, id, type and name first, then pieces of the arguments", func(t *testing.T, s *server) {
		var call toolCall
		pieces := 0
		for _, c := range s.chat(t, `"stream": true, "max_tokens": 600, `+namedOrder(t)).chunks() {
			for _, d := range c.Choices[0].Delta.ToolCalls {
				if first := pieces == 0; d.Index != 0 || first != (d.ID != "") || first != (d.Type == "function") || first != (d.Function.Name != "") {
					t.Errorf("piece %d: %+v", pieces, d)
				}
				if pieces == 0 {
					call = d
				} else {
					call.Function.Arguments += d.Function.Arguments
				}
				pieces++
			}
		}
		if err := checkCall(call.Function.Name, call.Function.Arguments); err != nil || pieces < 3 {
			t.Errorf("the call came in %d pieces: %+v, %v", pieces, call, err)
		}
	}},
	{"a malformed history is never the server's fault", func(t *testing.T, s *server) {
		for _, past := range []string{`"{not json"`, `""`, `"[1]"`, `"null"`, `"\"text\""`, `"{\"item\": 5}"`} {
			r := s.chat(t, place+fmt.Sprintf(`, "messages": [{"role": "user", "content": "Order."},
				{"role": "assistant", "content": null, "tool_calls": [{"id": "x", "type": "function", "function": {"name": "gone", "arguments": %s}}]},
				{"role": "tool", "tool_call_id": "x", "content": [{"type": "text", "text": "odd"}]}]`, past))
			if r.status != 200 {
				t.Errorf("arguments %s: %d %s", past, r.status, r.body)
			}
		}
	}},
	{"without parallel calls there is one at most", func(t *testing.T, s *server) {
		for seed := range 4 {
			calls := s.chat(t, fmt.Sprintf(`"max_tokens": 200, "temperature": 1.5, "seed": %d, "parallel_tool_calls": false, "tool_choice": "required", %s`, seed, place)).whole().Choices[0].Message.ToolCalls
			if len(calls) != 1 {
				t.Errorf("seed %d: %+v", seed, calls)
			}
		}
	}},
	{"an unknown tool is refused", func(t *testing.T, s *server) {
		s.chat(t, `"tool_choice": {"type": "function", "function": {"name": "nobody"}}, `+place).wantRefused(400, "tool_choice", anything)
	}},
	{"a bad schema is refused", func(t *testing.T, s *server) {
		s.chat(t, `"tool_choice": "required", `+strings.Replace(place, `"type": "object"`, `"type": "thing"`, 1)).wantRefused(400, "tools[0].function.parameters", anything)
	}},
}

// structured is a response_format in the official nesting.
func structured(schema string) string {
	return fmt.Sprintf(`"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": %s}}`, schema)
}

// wantSchemaRefused checks that whole and stream are refused before anything is generated.
func wantSchemaRefused(t *testing.T, s *server, schema string) {
	t.Helper()
	s.chat(t, structured(schema)).wantRefused(400, "response_format", anything)
	s.chat(t, `"stream": true, `+structured(schema)).wantRefused(400, "response_format", anything)
}

var structureRules = []rule{
	{"what cannot be enforced is refused before anything is generated", func(t *testing.T, s *server) {
		for _, schema := range []string{
			`{"not": {"type": "string"}}`, `{"if": {"type": "string"}, "then": {"minLength": 2}}`, `{"type": "array", "uniqueItems": true}`,
			`{"type": "string", "pattern": "^(?!a)b"}`, `{"oneOf": [{"type": "integer"}, {"type": "number"}]}`, `{"type": "string", "format": "moon-phase"}`,
			`{"type": "array", "contains": {"const": 1}}`, `{"type": "object", "dependentRequired": {"a": ["b"]}}`, `{"$ref": "other.json"}`,
		} {
			wantSchemaRefused(t, s, schema)
		}
	}},
	{"a schema that nothing satisfies is refused", func(t *testing.T, s *server) {
		for _, schema := range []string{`{"type": "integer", "minimum": 5, "maximum": 4}`, `{"enum": []}`, `{"type": "string", "const": 1}`} {
			wantSchemaRefused(t, s, schema)
		}
	}},
	{"a malformed response_format is refused", func(t *testing.T, s *server) {
		for _, format := range []string{`"json"`, `7`, `[]`, `{}`, `{"type": "xml"}`, `{"type": "json_schema"}`, `{"type": "json_schema", "json_schema": 5}`, `{"type": "json_schema", "json_schema": {"name": "x", "schema": "{}"}}`} {
			r := s.chat(t, `"response_format": `+format)
			if r.wantRefused(400, anything, anything); !strings.Contains(r.body, `"param":"response_format`) {
				t.Errorf("%s: %s", format, r.body)
			}
		}
	}},
	{"json_schema is read in both nestings", func(t *testing.T, s *server) {
		const schema = `{"enum": ["only this"]}`
		for _, format := range []string{structured(schema), `"response_format": {"type": "json_schema", "name": "x", "schema": ` + schema + `}`} {
			if got := s.chat(t, format).content(); got != `"only this"` {
				t.Errorf("%s: %s", format, got)
			}
		}
	}},
	{"a cut answer ends with length", func(t *testing.T, s *server) {
		wantFinish(t, s, `"max_tokens": 3, `+structured(`{"type": "array", "minItems": 20, "items": {"type": "integer"}}`), "length")
	}},
	{"json_object gives an object", func(t *testing.T, s *server) {
		if got := s.chat(t, `"response_format": {"type": "json_object"}`).content(); !strings.HasPrefix(got, "{") {
			t.Errorf("got %q", got)
		}
	}},
}
