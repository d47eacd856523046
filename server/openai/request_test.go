package openai

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/moltbot/moltbot/engine/sample"
)

const sayHi = `"model": "toy", "messages": [{"role": "user", "content": "hi"}]`

// decodeWith decodes a minimal body of either endpoint with more fields added.
func decodeWith(t *testing.T, fields string) (chatErr, completionErr error) {
	t.Helper()
	if fields != "" {
		fields = ", " + fields
	}
	_, chatErr = chatBody(`{` + sayHi + fields + `}`)
	_, completionErr = completionBodyOf(`{"model": "toy", "prompt": "hi"` + fields + `}`)
	return chatErr, completionErr
}

func chatBody(body string) (chatRequest, error) {
	o, err := parseBody([]byte(body))
	if err != nil {
		return chatRequest{}, err
	}
	return decodeChat(o)
}

func completionBodyOf(body string) (completionRequest, error) {
	o, err := parseBody([]byte(body))
	if err != nil {
		return completionRequest{}, err
	}
	return decodeCompletion(o)
}

// wantParam checks that err is a 400 naming that field; "" for no error.
func wantParam(t *testing.T, err error, param string) {
	t.Helper()
	if param == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	e, ok := err.(*Error)
	if !ok || e.Status != 400 || e.Type != typeInvalid || e.Param != param {
		t.Errorf("got %#v, want a 400 with param %s", err, param)
	}
}

type rangeCase struct {
	field     string
	good, bad []string // values as JSON
}

var wrongTypes = map[string][]string{
	"number":  {`"1"`, `true`, `[]`, `{}`, `1e400`, `-1e400`},
	"integer": {`"1"`, `true`, `[]`, `{}`, `1.5`, `1e400`, `99999999999999999999`},
	"boolean": {`"true"`, `1`, `[]`, `{}`},
	"string":  {`1`, `true`, `[]`, `{}`},
	"object":  {`1`, `true`, `[]`, `"x"`},
}

// commonRanges hold for both kinds of completion.
var commonRanges = map[string][]rangeCase{
	"number": {
		{"temperature", []string{`0`, `2`, `0.7`, `null`}, []string{`-0.1`, `2.01`}},
		{"top_p", []string{`0`, `1`, `null`}, []string{`-0.1`, `1.01`}},
		{"frequency_penalty", []string{`-2`, `2`, `null`}, []string{`-2.1`, `2.1`}},
		{"presence_penalty", []string{`-2`, `2`, `null`}, []string{`-2.1`, `2.1`}},
		{"min_p", []string{`0`, `1`}, []string{`-0.1`, `1.1`}},
		{"typical_p", []string{`0`, `1`}, []string{`-0.1`, `1.1`}},
		{"repeat_penalty", []string{`0`, `1.1`}, []string{`-0.1`, `11`}},
	},
	"integer": {
		{"n", []string{`1`, `128`, `null`, `2.0`}, []string{`0`, `-1`, `129`}},
		{"max_tokens", []string{`1`, `2147483647`, `null`, `1e3`}, []string{`0`, `-1`, `2147483648`}},
		{"seed", []string{`0`, `-9223372036854775808`, `9223372036854775807`, `null`}, []string{`9223372036854775808`}},
		{"top_k", []string{`-1`, `0`, `40`}, []string{`-2`}},
	},
	"boolean": {
		{"stream", []string{`true`, `false`, `null`}, nil},
		{"ignore_eos", []string{`true`, `false`, `null`}, nil},
		{"cache_prompt", []string{`true`, `false`, `null`}, nil},
	},
	"string": {
		{"user", []string{`"u"`, `null`}, nil},
		{"service_tier", []string{`"auto"`, `"default"`, `"flex"`, `"priority"`, `null`}, []string{`""`, `"gold"`}},
	},
	"object": {
		{"logit_bias", []string{`{}`, `null`, `{"1": -100, "2": 100, "3": 0.5}`}, []string{`{"x": 1}`, `{"1.5": 1}`, `{"": 1}`, `{"99999999999": 1}`}},
	},
}

func TestDocumentedRanges(t *testing.T) {
	for kind, cases := range commonRanges {
		for _, c := range cases {
			for _, v := range c.good {
				t.Run(c.field+" takes "+v, func(t *testing.T) { wantBoth(t, c.field, v, "") })
			}
			for _, v := range append(c.bad, wrongTypes[kind]...) {
				t.Run(c.field+" refuses "+v, func(t *testing.T) { wantBoth(t, c.field, v, c.field) })
			}
		}
	}
}

func wantBoth(t *testing.T, field, v, param string) {
	t.Helper()
	chatErr, completionErr := decodeWith(t, fmt.Sprintf("%q: %s", field, v))
	wantParam(t, chatErr, param)
	wantParam(t, completionErr, param)
}

// bodyCase adds fields to a minimal body; param is the one at fault, "" for none.
type bodyCase struct{ rule, fields, param string }

func TestCommonRules(t *testing.T) {
	for _, c := range []bodyCase{
		{"an unknown field is ignored", `"frobnicate": {"a": [1]}`, ""},
		{"a field's name minds its case", `"Temperature": 9`, ""},
		{"a stop string", `"stop": "x"`, ""},
		{"no stop string", `"stop": null`, ""},
		{"four stop strings", `"stop": ["a", "b", "c", "d"]`, ""},
		{"five stop strings are too many", `"stop": ["a", "b", "c", "d", "e"]`, "stop"},
		{"an empty stop string would stop at once", `"stop": ""`, "stop"},
		{"an empty stop string among others", `"stop": ["a", ""]`, "stop[1]"},
		{"a stop of another type", `"stop": 1`, "stop"},
		{"a stop string of another type", `"stop": ["a", null]`, "stop[1]"},
		{"stream_options only with stream", `"stream_options": {"include_usage": true}`, "stream_options"},
		{"stream_options with stream", `"stream": true, "stream_options": {"include_usage": true, "include_obfuscation": false}`, ""},
		{"stream_options of another type", `"stream": true, "stream_options": true`, "stream_options"},
		{"include_usage of another type", `"stream": true, "stream_options": {"include_usage": 1}`, "stream_options.include_usage"},
		{"a bias above 100", `"logit_bias": {"1": 101}`, "logit_bias.1"},
		{"a bias below -100", `"logit_bias": {"1": -101}`, "logit_bias.1"},
		{"a bias of another type", `"logit_bias": {"1": "x"}`, "logit_bias.1"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			chatErr, completionErr := decodeWith(t, c.fields)
			wantParam(t, chatErr, c.param)
			wantParam(t, completionErr, c.param)
		})
	}
}

// What is known and not offered is refused as soon as it asks for anything.
func TestNothingAskedForIsIgnored(t *testing.T) {
	for _, c := range []bodyCase{
		{"no functions", `"functions": []`, ""},
		{"functions", `"functions": [{"name": "f"}]`, "functions"},
		{"audio", `"audio": {"voice": "x", "format": "wav"}`, "audio"},
		{"text is the default modality", `"modalities": ["text"]`, ""},
		{"another modality", `"modalities": ["text", "audio"]`, "modalities"},
		{"a prediction", `"prediction": {"type": "content", "content": "x"}`, "prediction"},
		{"web search", `"web_search_options": {}`, "web_search_options"},
		{"not storing", `"store": false`, ""},
		{"medium verbosity is the default", `"verbosity": "medium"`, ""},
		{"another verbosity", `"verbosity": "low"`, "verbosity"},
		{"moderation", `"moderation": {"model": "x"}`, "moderation"},
		{"no cache options", `"prompt_cache_options": {}`, ""},
		{"cache options", `"prompt_cache_options": {"mode": "explicit"}`, "prompt_cache_options"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			chatErr, completionErr := decodeWith(t, c.fields)
			wantParam(t, chatErr, c.param)
			wantParam(t, completionErr, c.param)
		})
	}
}

func TestChatRules(t *testing.T) {
	for _, c := range []bodyCase{
		{"no suffix", `"suffix": null`, ""},
		{"an empty suffix", `"suffix": ""`, ""},
		{"a suffix", `"suffix": "x"`, "suffix"},
		{"top_logprobs needs logprobs", `"top_logprobs": 2`, "top_logprobs"},
		{"top_logprobs with logprobs", `"logprobs": true, "top_logprobs": 20`, ""},
		{"21 top_logprobs are too many", `"logprobs": true, "top_logprobs": 21`, "top_logprobs"},
		{"fewer than no top_logprobs", `"logprobs": true, "top_logprobs": -1`, "top_logprobs"},
		{"logprobs is a boolean", `"logprobs": 5`, "logprobs"},
		{"max_completion_tokens of 0", `"max_completion_tokens": 0`, "max_completion_tokens"},
		{"a reasoning effort", `"reasoning_effort": "low"`, ""},
		{"an unknown reasoning effort", `"reasoning_effort": "huge"`, "reasoning_effort"},
		{"metadata", `"metadata": {"a": "b"}`, ""},
		{"metadata of another type", `"metadata": {"a": 1}`, "metadata.a"},
		{"a long safety identifier", `"safety_identifier": "` + long(129) + `"`, "safety_identifier"},
		{"template variables", `"chat_template_kwargs": {"enable_thinking": false}`, ""},
		{"a template variable without a name", `"chat_template_kwargs": {"": 1}`, "chat_template_kwargs"},
		{"template variables of another type", `"chat_template_kwargs": []`, "chat_template_kwargs"},
		{"parallel_tool_calls is a boolean", `"parallel_tool_calls": 1`, "parallel_tool_calls"},
		{"an unknown cache retention", `"prompt_cache_retention": "forever"`, "prompt_cache_retention"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			chatErr, _ := decodeWith(t, c.fields)
			wantParam(t, chatErr, c.param)
		})
	}
}

func long(n int) string { return fmt.Sprintf("%0*d", n, 0) }

func TestCompletionRules(t *testing.T) {
	for _, c := range []bodyCase{
		{"storing", `"store": true`, "store"},
		{"logprobs is a number", `"logprobs": true`, "logprobs"},
		{"5 logprobs", `"logprobs": 5`, ""},
		{"6 logprobs are too many", `"logprobs": 6`, "logprobs"},
		{"echo", `"echo": true`, ""},
		{"echo with logprobs", `"echo": true, "logprobs": 0`, ""},
		{"echo with logprobs around a gap", `"echo": true, "logprobs": 0, "suffix": "x"`, "echo"},
		{"an echo alone", `"echo": true, "max_tokens": 0`, ""},
		{"nothing at all", `"max_tokens": 0`, "max_tokens"},
		{"best_of 1", `"best_of": 1`, ""},
		{"best_of n", `"n": 2, "best_of": 2`, ""},
		{"best_of more than n", `"best_of": 2`, ""},
		{"best_of more than n, streamed", `"best_of": 2, "stream": true`, "best_of"},
		{"best_of n, streamed", `"n": 2, "best_of": 2, "stream": true`, ""},
		{"129 are too many to choose from", `"best_of": 129`, "best_of"},
		{"a suffix", `"suffix": "x"`, ""},
		{"a suffix of another type", `"suffix": 1`, "suffix"},
		{"a schema", `"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}`, ""},
		{"an unknown format", `"response_format": {"type": "yaml"}`, "response_format.type"},
		{"a schema and a grammar", `"response_format": {"type": "json_object"}, "grammar": "x"`, "response_format"},
		{"best_of less than n", `"n": 2, "best_of": 1`, "best_of"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, completionErr := decodeWith(t, c.fields)
			wantParam(t, completionErr, c.param)
		})
	}
}

func TestPrompts(t *testing.T) {
	for _, c := range []struct {
		rule, prompt string
		n            int
		param        string
	}{
		{"a string", `"a"`, 1, ""},
		{"strings", `["a", "b"]`, 2, ""},
		{"tokens", `[1, 2]`, 1, ""},
		{"arrays of tokens", `[[1, 2], [3]]`, 2, ""},
		{"none is the start of a document", `null`, 1, ""},
		{"an empty array", `[]`, 0, "prompt"},
		{"an empty array of tokens", `[[]]`, 0, "prompt[0]"},
		{"a string among tokens", `[1, "a"]`, 0, "prompt[1]"},
		{"tokens among strings", `["a", [1]]`, 0, "prompt[1]"},
		{"a negative token", `[-1]`, 0, "prompt[0]"},
		{"half a token", `[[1.5]]`, 0, "prompt[0][0]"},
		{"an object", `{}`, 0, "prompt"},
		{"objects", `[{}]`, 0, "prompt[0]"},
		{"a number", `1`, 0, "prompt"},
		{"nested too deep", `[[[1]]]`, 0, "prompt[0][0]"},
		{"more than 128 choices", `["a"` + strings.Repeat(`,"a"`, 128) + `]`, 0, "prompt"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r, err := completionBodyOf(`{"model": "toy", "prompt": ` + c.prompt + `}`)
			wantParam(t, err, c.param)
			if err == nil && len(r.prompts) != c.n {
				t.Errorf("%d prompts, want %d", len(r.prompts), c.n)
			}
		})
	}
}

func TestMissingModelIsRefused(t *testing.T) {
	for _, model := range []string{``, `"model": null,`, `"model": "",`, `"model": 1,`} {
		_, err := chatBody(`{` + model + `"messages": [{"role": "user", "content": "hi"}]}`)
		wantParam(t, err, "model")
	}
}

func TestDocumentedDefaults(t *testing.T) {
	chatReq, err := chatBody(`{` + sayHi + `}`)
	if err != nil {
		t.Fatal(err)
	}
	if chatReq.n != 1 || chatReq.maxTokens != 0 || chatReq.stream || chatReq.noCache {
		t.Errorf("chat: %+v", chatReq.params)
	}
	want := sample.Params{Temperature: 1, TopP: 1, Seed: chatReq.sampling.Seed}
	if fmt.Sprint(chatReq.sampling) != fmt.Sprint(want) {
		t.Errorf("chat samples with %+v, want %+v", chatReq.sampling, want)
	}
	completionReq, err := completionBodyOf(`{"model": "toy"}`)
	if err != nil || completionReq.maxTokens != 16 || completionReq.logprobs != noLogprobs {
		t.Errorf("completion: %+v, %v", completionReq, err)
	}
}

func TestParametersReachTheEngine(t *testing.T) {
	r, err := chatBody(`{` + sayHi + `, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.1, "typical_p": 0.8,
		"frequency_penalty": 1, "presence_penalty": -1, "repeat_penalty": 1.1, "logit_bias": {"7": -3}, "seed": -1,
		"max_tokens": 5, "max_completion_tokens": 6, "stop": "x", "ignore_eos": true, "cache_prompt": false,
		"n": 2, "logprobs": true, "top_logprobs": 3}`)
	if err != nil {
		t.Fatal(err)
	}
	reqs := r.requests(Caller{RequestID: "id", Partition: "p"}, rendered{stops: []string{"end"}})
	got := reqs[1]
	got.Sampling.LogitBias = nil
	if fmt.Sprint(got.Sampling) != fmt.Sprint(sample.Params{
		Temperature: 0.5, TopP: 0.9, TopK: 40, MinP: 0.1, TypicalP: 0.8,
		FrequencyPenalty: 1, PresencePenalty: -1, RepeatPenalty: 1.1, Seed: 0, // -1, and 1 for the second choice
	}) {
		t.Errorf("sampling: %+v", got.Sampling)
	}
	if reqs[0].Sampling.Seed != math.MaxUint64 || reqs[0].Sampling.LogitBias[7] != -3 {
		t.Errorf("first choice: %+v", reqs[0].Sampling)
	}
	if got.MaxTokens != 6 || !got.IgnoreEOS || !got.NoCache || !got.Logprobs || got.TopLogprobs != 3 || got.ID != "id" || got.Partition != "p" {
		t.Errorf("request: %+v", got)
	}
	if fmt.Sprint(got.Stop) != "[x end]" {
		t.Errorf("stops: %q", got.Stop)
	}
}

func TestTopPOfZeroKeepsTheLikeliest(t *testing.T) {
	r, err := chatBody(`{` + sayHi + `, "top_p": 0}`)
	if err != nil || r.sampling.TopP <= 0 || r.sampling.TopP > 1e-9 {
		t.Errorf("top_p is %g, %v: 0 would mean off", r.sampling.TopP, err)
	}
}

func TestTemplateVariables(t *testing.T) {
	r, err := chatBody(`{` + sayHi + `, "reasoning_effort": "high", "chat_template_kwargs": {"a": { "b" : 1 }}}`)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": `{"b":1}`, "reasoning_effort": `"high"`}
	if fmt.Sprint(r.conversation.Kwargs) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", r.conversation.Kwargs, want)
	}
}
