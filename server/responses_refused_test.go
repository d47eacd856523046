package server_test

import "testing"

func TestResponsesRefuse(t *testing.T) {
	r := start(t, keeping(t, nil))
	for _, c := range []struct{ rule, body, param, code string }{
		{"no input", `{"model": "toy"}`, "input", "missing_required_parameter"},
		{"an input of another kind", `{"model": "toy", "input": 7}`, "input", "invalid_type"},
		{"an empty input", `{"model": "toy", "input": []}`, "input", "empty_array"},
		{"no model", `{"input": "hi"}`, "model", "missing_required_parameter"},
		{"messages of a chat", respond(`"messages": []`), "messages", "unsupported_parameter"},
		{"a format of a chat", respond(`"response_format": {"type": "text"}`), "response_format", "unsupported_parameter"},
		{"a limit of a chat", respond(`"max_tokens": 3`), "max_tokens", "unsupported_parameter"},
		{"no tokens at all", respond(`"max_output_tokens": 0`), "max_output_tokens", "integer_below_min_value"},
		{"an unknown truncation", respond(`"truncation": "some"`), "truncation", "invalid_value"},
		{"a conversation", respond(`"conversation": "conv_1"`), "conversation", "unsupported_parameter"},
		{"a stored prompt", respond(`"prompt": {"id": "p"}`), "prompt", "unsupported_parameter"},
		{"too many log-probabilities", respond(`"top_logprobs": 21`), "top_logprobs", "integer_above_max_value"},
		{"an unknown inclusion", respond(`"include": ["logprobs"]`), "include[0]", "invalid_value"},
		{"an unknown inclusion", respond(`"include": ["x"]`), "include[0]", "invalid_value"},
		{"summaries of reasoning", respond(`"reasoning": {"summary": "detailed"}`), "reasoning.summary", "unsupported_parameter"},
		{"an unknown effort", respond(`"reasoning": {"effort": "x"}`), "reasoning.effort", "invalid_value"},
		{"verbosity", respond(`"text": {"verbosity": "low"}`), "text.verbosity", "unsupported_parameter"},
		{"a format that can't be enforced", respond(`"text": {"format": {"type": "json_object"}}`), "text.format", "invalid_value"},
		{"a format without a name", respond(`"text": {"format": {"type": "json_schema", "schema": {}}}`), "text.format.name", "missing_required_parameter"},
		{"a tool of the cloud", respond(`"tools": [{"type": "web_search"}]`), "tools[0].type", "unsupported_value"},
		{"a nested tool", respond(`"tools": [{"type": "function", "function": {"name": "look"}}]`), "tools[0].name", "missing_required_parameter"},
		{"a strict tool that can't be enforced", respond(`"tools": [{"type": "function", "name": "look", "parameters": {}}]`), "tools[0].parameters", "invalid_value"},
		{"a tool that isn't there", respond(`"tool_choice": {"type": "function", "name": "look"}`), "tool_choice", "invalid_value"},
		{"an unknown item", `{"model": "toy", "input": [{"type": "computer_call"}]}`, "input[0].type", "unsupported_value"},
		{"a reference to nothing", `{"model": "toy", "input": [{"type": "item_reference", "id": "msg_1"}]}`, "input", "invalid_value"},
		{"a reference without an id", `{"model": "toy", "input": [{"type": "item_reference"}]}`, "input[0].id", "missing_required_parameter"},
		{"an image", `{"model": "toy", "input": [{"role": "user", "content": [{"type": "input_image"}]}]}`, "input[0].content[0]", "unsupported_value"},
		{"an unknown role", `{"model": "toy", "input": [{"role": "tool", "content": "x"}]}`, "input[0].role", "invalid_value"},
		{"encrypted reasoning", `{"model": "toy", "input": [{"type": "reasoning", "summary": [], "encrypted_content": "x"}]}`, "input[0].encrypted_content", "unsupported_value"},
		{"an output without a call", `{"model": "toy", "input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}`, "input", "invalid_value"},
		{"an unknown previous response", respond(`"previous_response_id": "resp_x"`), "previous_response_id", "previous_response_not_found"},
		{"too many tokens", respond(`"max_output_tokens": 100000`), "input", "context_length_exceeded"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r.post(responsesPath, c.body).wantError(t, 400, "invalid_request_error", c.param, c.code)
		})
	}
	r.post(responsesPath, `{"model": "nobody", "input": "hi"}`).wantError(t, 404, "invalid_request_error", "model", "model_not_found")
}
