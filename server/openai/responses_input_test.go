package openai

import "testing"

func TestCallsOfAnInputHaveNames(t *testing.T) {
	for _, c := range []struct{ rule, item, param string }{
		{"a call", `{"type": "function_call", "call_id": "1", "name": "f", "arguments": ""}`, ""},
		{"a call without an id", `{"type": "function_call", "call_id": "", "name": "f", "arguments": ""}`, "input[0].call_id"},
		{"a call of nothing", `{"type": "function_call", "call_id": "1", "name": "", "arguments": ""}`, "input[0].name"},
		{"the output of a call without an id", `{"type": "function_call_output", "call_id": "", "output": ""}`, "input[0].call_id"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			o, err := parseBody([]byte(`{"model": "m", "input": [` + c.item + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := decodeResponses(o); param(err) != c.param {
				t.Errorf("got %v, want a mistake in %q", err, c.param)
			}
		})
	}
}

// param is the field that an error names; "" without an error.
func param(err error) string {
	if e, ok := err.(*Error); ok {
		return e.Param
	}
	return ""
}
