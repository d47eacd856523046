package server_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"

	"github.com/moltbot/moltbot/engine/constrain"
	"github.com/moltbot/moltbot/engine/enginetest"
)

// saying serves a toy whose constrained answers are one of some texts; grammars
// are those that were asked for.
func saying(t *testing.T, texts ...string) (r *rig, grammars *[]constrain.Grammar) {
	grammars = &[]constrain.Grammar{}
	return with(t, &altered{grammars: func(g constrain.Grammar) (constrain.Constraint, error) {
		*grammars = append(*grammars, g)
		return enginetest.OneOf(texts), nil
	}}, nil), grammars
}

const (
	lookTool = `"tools": [{"type": "function", "function": {"name": "look", "description": "Look around.", "parameters": {"type": "object", "properties": {"where": {"type": "string"}}}}}]`
	lookCall = "<tool_call>\n{\"name\": \"look\", \"arguments\": {\"where\": \"up\"}}\n</tool_call>"
)

func TestARequiredCallIsMade(t *testing.T) {
	r, grammars := saying(t, lookCall)
	var got openai.ChatCompletion
	a := r.post(chatPath, sayHi(lookTool+`, "tool_choice": "required"`))
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	c := got.Choices[0]
	if c.FinishReason != "tool_calls" || len(c.Message.ToolCalls) != 1 || !strings.Contains(a.body, `"content":null`) {
		t.Fatalf("got %s", a.body)
	}
	if call := c.Message.ToolCalls[0]; call.Function.Name != "look" || call.Function.Arguments != `{"where": "up"}` || call.ID == "" || call.Type != "function" {
		t.Errorf("got %s", call.RawJSON())
	}
	last := (*grammars)[len(*grammars)-1]
	if last.Kind != constrain.Lark || !strings.Contains(last.Source, `%json {"type":"object","properties":{"where":{"type":"string"}}}`) {
		t.Errorf("it was constrained by %+v", last)
	}
}

func TestANamedCallEndsWithStop(t *testing.T) {
	r, _ := saying(t, lookCall)
	a := r.post(chatPath, sayHi(lookTool+`, "tool_choice": {"type": "function", "function": {"name": "look"}}`))
	if !strings.Contains(a.body, `"finish_reason":"stop"`) || !strings.Contains(a.body, `"name":"look"`) {
		t.Errorf("got %s", a.body)
	}
}

func TestStreamedCallsAreDeltas(t *testing.T) {
	r, _ := saying(t, lookCall+"\n"+strings.ReplaceAll(lookCall, "up", "down"))
	a := r.post(chatPath, sayHi(lookTool+`, "tool_choice": "required", "stream": true`))
	var acc openai.ChatCompletionAccumulator
	heads := map[int64]int{}
	for _, data := range events(a.body) {
		if data == "[DONE]" {
			break
		}
		var c openai.ChatCompletionChunk
		if err := json.Unmarshal([]byte(data), &c); err != nil || !acc.AddChunk(c) {
			t.Fatalf("%v: %s", err, data)
		}
		for _, d := range c.Choices[0].Delta.ToolCalls {
			if d.ID != "" {
				heads[d.Index]++
				if d.Function.Name != "look" || d.Type != "function" || d.Function.Arguments != "" {
					t.Errorf("a call begins with %s", d.RawJSON())
				}
			} else if heads[d.Index] != 1 || d.Function.Name != "" {
				t.Errorf("a call goes on with %s", d.RawJSON())
			}
		}
	}
	calls := acc.Choices[0].Message.ToolCalls
	if len(calls) != 2 || calls[0].Function.Arguments != `{"where": "up"}` || calls[1].Function.Arguments != `{"where": "down"}` || acc.Choices[0].FinishReason != "tool_calls" {
		t.Errorf("got %s", a.body)
	}
}

func TestToolsAndPastCallsReachThePrompt(t *testing.T) {
	r := start(t, func(c *config) { c.server.LogPrompts = true })
	a := r.post(chatPath, `{"model": "toy", "max_tokens": 1, `+lookTool+`, "messages": [
		{"role": "user", "content": "hi"},
		{"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{broken"}}]},
		{"role": "tool", "tool_call_id": "c1", "content": "a tree"}]}`)
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, want := range []string{"Look around.", "{broken", "a tree"} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("%q is not in the prompt", want)
		}
	}
}

func TestWhatCannotBeEnforcedIs400(t *testing.T) {
	r := start(t, nil) // the toy knows no grammars
	for _, c := range []struct{ rule, fields, param string }{
		{"a schema", `"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}`, "response_format"},
		{"a JSON object", `"response_format": {"type": "json_object"}`, "response_format"},
		{"a grammar", `"grammar": "root ::= \"a\""`, "grammar"},
		{"a pattern", `"regex": "a"`, "regex"},
		{"a forced tool", lookTool + `, "tool_choice": "required"`, "tools[0].function.parameters"},
		{"a strict tool", strings.Replace(lookTool, `"name"`, `"strict": true, "name"`, 1), "tools[0].function.parameters"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r.post(chatPath, sayHi(c.fields)).wantError(t, 400, "invalid_request_error", c.param, "invalid_value")
		})
	}
}

func TestStructuredAnswers(t *testing.T) {
	r, grammars := saying(t, `{"a":1}`)
	for _, c := range []struct {
		rule, path, body string
		want             constrain.Grammar
	}{
		{"json_schema", chatPath, sayHi(`"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}`), constrain.Grammar{Kind: constrain.JSONSchema, Source: `{"type":"object"}`}},
		{"json_object", chatPath, sayHi(`"response_format": {"type": "json_object"}`), constrain.Grammar{Kind: constrain.JSONSchema, Source: `{"type":"object"}`}},
		{"GBNF", chatPath, sayHi(`"grammar": "root ::= \"a\""`), constrain.Grammar{Kind: constrain.GBNF, Source: `root ::= "a"`}},
		{"Lark in a completion", "/v1/completions", `{"model": "toy", "prompt": "hi", "grammar": "start: \"a\""}`, constrain.Grammar{Kind: constrain.Lark, Source: `start: "a"`}},
		{"a pattern", "/v1/completions", `{"model": "toy", "prompt": "hi", "regex": "a+"}`, constrain.Grammar{Kind: constrain.Regex, Source: `a+`}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			a := r.post(c.path, c.body)
			if a.status != 200 || !strings.Contains(a.body, `{\"a\":1}`) {
				t.Errorf("%d %s", a.status, a.body)
			}
			if got := (*grammars)[len(*grammars)-1]; got != c.want {
				t.Errorf("constrained by %+v, want %+v", got, c.want)
			}
		})
	}
}
