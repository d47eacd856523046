package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/enginetest"
)

func TestUsageCountsAllChoicesAndPrompts(t *testing.T) {
	r := start(t, nil)
	var got struct {
		Usage struct {
			Prompt     int `json:"prompt_tokens"`
			Completion int `json:"completion_tokens"`
		}
		Choices []struct{ Index int }
	}
	a := r.post("/v1/completions", `{"model": "toy", "prompt": [[1, 2], [3, 4, 5]], "n": 3, "max_tokens": 4, "ignore_eos": true}`)
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	if got.Usage.Prompt != 5 || got.Usage.Completion != 2*3*4 || len(got.Choices) != 6 || got.Choices[5].Index != 5 {
		t.Errorf("got %s", a.body)
	}
}

func TestSeedsMakeChoicesDifferAndRepeat(t *testing.T) {
	r := start(t, nil)
	body := `{"model": "toy", "messages": [{"role": "user", "content": "hi"}], "temperature": 2, "seed": 7, "n": 4, "max_tokens": 24, "ignore_eos": true}`
	say := func(body string) (texts []string) {
		var got openai.ChatCompletion
		if err := json.Unmarshal([]byte(r.post(chatPath, body).body), &got); err != nil {
			t.Fatal(err)
		}
		for _, c := range got.Choices {
			texts = append(texts, c.Message.Content)
		}
		return texts
	}
	first := say(body)
	if again := say(body); !slices.Equal(first, again) {
		t.Errorf("%q and then %q", first, again)
	}
	if len(slices.Compact(slices.Sorted(slices.Values(first)))) < 2 {
		t.Errorf("all choices are alike: %q", first)
	}
	if alone := say(strings.Replace(strings.Replace(body, `"n": 4`, `"n": 1`, 1), `"seed": 7`, `"seed": 8`, 1)); alone[0] != first[1] {
		t.Errorf("choice 1 is %q, with its seed alone %q", first[1], alone[0])
	}
}

func TestStopStringNeverLeaks(t *testing.T) {
	r := start(t, nil)
	full := whole(t, r.post(chatPath, sayHi(`"max_tokens": 20, "ignore_eos": true`)))
	stop := full[4:8]
	for _, stream := range []string{"true", "false"} {
		a := r.post(chatPath, sayHi(`"max_tokens": 20, "ignore_eos": true, "stop": ["`+stop+`"], "stream": `+stream))
		got := spoken(t, a)
		if got != full[:strings.Index(full, stop)] || !strings.Contains(a.body, `"finish_reason":"stop"`) {
			t.Errorf("stream %s: got %q of %q before %q", stream, got, full, stop)
		}
	}
}

// whole returns the content of an answer that was not streamed.
func whole(t *testing.T, a answer) string {
	t.Helper()
	var got openai.ChatCompletion
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || len(got.Choices) == 0 {
		t.Fatalf("%v: %s", err, a.body)
	}
	return got.Choices[0].Message.Content
}

// spoken returns the content of an answer, streamed or not.
func spoken(t *testing.T, a answer) (text string) {
	t.Helper()
	if strings.HasPrefix(a.body, "{") {
		return whole(t, a)
	}
	for _, c := range chunks(t, a.body) {
		if s, ok := c.Choices[0].Delta["content"].(string); ok {
			text += s
		}
	}
	return text
}

func TestFinishReasonLength(t *testing.T) {
	r := start(t, nil)
	if a := r.post(chatPath, sayHi(`"max_tokens": 2, "ignore_eos": true`)); !strings.Contains(a.body, `"finish_reason":"length"`) {
		t.Errorf("got %s", a.body)
	}
}

func TestTokensThatAreNoCharactersAreEscaped(t *testing.T) {
	r := start(t, nil)
	bias := `"max_tokens": 1, "logit_bias": {"226": 100}, "logprobs": `
	if a := r.post(chatPath, sayHi(bias+"true")); !strings.Contains(a.body, `"token":"\\xe2","logprob":`) || !strings.Contains(a.body, `"bytes":[226]`) {
		t.Errorf("got %s", a.body)
	}
	if a := r.post("/v1/completions", `{"model": "toy", `+bias+`0}`); !strings.Contains(a.body, `"tokens":["bytes:\\xe2"]`) {
		t.Errorf("got %s", a.body)
	}
}

func TestEngineFailureIsAnInternalError(t *testing.T) {
	r := start(t, func(c *config) {
		c.toy.Before = func(int, []engine.Row) error { return errors.New("secret") }
	})
	r.post(chatPath, sayHi("")).wantError(t, 500, "server_error", "", "internal_error")
	r.post(chatPath, sayHi(`"stream": true`)).wantStreamError(t)
}

// wantStreamError accepts an error event as a stream's only event.
func (a answer) wantStreamError(t *testing.T) {
	t.Helper()
	data := events(a.body)
	if len(data) != 1 {
		t.Fatalf("got %s", a.body)
	}
	wantErrorBody(t, data[0], "server_error", "", "internal_error")
}

func TestContextLengthExceeded(t *testing.T) {
	r := start(t, func(c *config) { c.toy.Context = 64 })
	long := strings.Repeat("x", 100)
	for _, stream := range []string{"false", "true"} {
		a := r.post(chatPath, `{"model": "toy", "max_completion_tokens": 10, "stream": `+stream+`, "messages": [{"role": "user", "content": "`+long+`"}]}`)
		a.wantError(t, 400, "invalid_request_error", "messages", "context_length_exceeded")
		prompt := len("user: \nassistant: ") + 100 + 1
		want := fmt.Sprintf("This model's maximum context length is 64 tokens. However, you requested %d tokens (%d in the messages, 10 in the completion). Please reduce the length of the messages or completion.", prompt+10, prompt)
		if !strings.Contains(a.body, want) {
			t.Errorf("got %s, want %s", a.body, want)
		}
	}
	r.post("/v1/completions", `{"model": "toy", "prompt": "`+long+`"}`).wantError(t, 400, "invalid_request_error", "prompt", "context_length_exceeded")
}

func TestBusyIs429WithRetryAfter(t *testing.T) {
	r := start(t, func(c *config) {
		c.toy.Queue, c.toy.Shape.Seqs = 1, 1
		c.toy.Before = func(int, []engine.Row) error { time.Sleep(time.Millisecond); return nil }
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := r.open(ctx, chatPath, sayHi(`"stream": true, "ignore_eos": true`)) // holds the only sequence
	defer first.Body.Close()
	a := r.post(chatPath, sayHi(`"n": 8, "max_tokens": 1`))
	a.wantError(t, 429, "rate_limit_error", "", "rate_limit_exceeded")
	if s := a.header.Get("Retry-After"); s == "" || strings.Trim(s, "0123456789") != "" || s == "0" {
		t.Errorf("Retry-After: %q", s)
	}
}

func TestUnknownRoutesAndMethods(t *testing.T) {
	r := start(t, nil)
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/", 404, ""},
		{"POST", "/v1/images/generations", 404, ""},
		{"GET", "/v1", 404, ""},
		{"GET", "/v1/completions/x", 404, ""},
		{"GET", "/v1/completions", 405, "POST"},
		{"PUT", "/v1/completions", 405, "POST"},
		{"POST", "/v1/models", 405, "GET"},
		{"DELETE", "/v1/models/toy", 405, "GET"},
		{"BREW", "/v1/models", 405, "GET"},
		{"POST", "/health", 405, "GET"},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			a := r.do(c.method, c.path, "")
			code := map[int]string{404: "unknown_url", 405: "method_not_allowed"}[c.status]
			a.wantError(t, c.status, "invalid_request_error", "", code)
			if !strings.Contains(a.header.Get("Allow"), c.allow) {
				t.Errorf("Allow: %q", a.header.Get("Allow"))
			}
		})
	}
}

func TestHeadAndOptions(t *testing.T) {
	r := start(t, nil)
	for _, path := range []string{"/health", "/ready", "/v1/models", "/v1/models/toy"} {
		if a := r.do(http.MethodHead, path, ""); a.status != 200 || a.body != "" {
			t.Errorf("HEAD %s: %d %q", path, a.status, a.body)
		}
	}
	if a := r.do(http.MethodOptions, chatPath, ""); a.status != 204 || !strings.Contains(a.header.Get("Allow"), "POST") {
		t.Errorf("OPTIONS: %d, Allow %q", a.status, a.header.Get("Allow"))
	}
}

func TestUnknownModelIs404(t *testing.T) {
	r := start(t, nil)
	for _, a := range []answer{
		r.do("GET", "/v1/models/some/model", ""),
		r.do("GET", "/v1/models/some%2Fmodel", ""),
		r.do("GET", "/v1/models/", ""),
		r.post(chatPath, `{"model": "nobody", "messages": [{"role": "user", "content": "hi"}]}`),
		r.post("/v1/completions", `{"model": "nobody", "prompt": "hi"}`),
	} {
		a.wantError(t, 404, "invalid_request_error", "model", "model_not_found")
	}
}

func TestChecksThatNeedTheModel(t *testing.T) {
	r := start(t, nil)
	r.post(chatPath, sayHi(`"logit_bias": {"258": 1}`)).wantError(t, 400, "invalid_request_error", "logit_bias", "invalid_value")
	r.post(chatPath, sayHi(`"logit_bias": {"-1": 1}`)).wantError(t, 400, "invalid_request_error", "logit_bias", "invalid_value")
	r.post("/v1/completions", `{"model": "toy", "prompt": [[258]]}`).wantError(t, 400, "invalid_request_error", "prompt[0]", "invalid_value")
	refused, err := json.Marshal(enginetest.Unrenderable)
	if err != nil {
		t.Fatal(err)
	}
	r.post(chatPath, `{"model": "toy", "messages": [{"role": "user", "content": `+string(refused)+`}]}`).wantError(t, 400, "invalid_request_error", "messages", "invalid_value")
}
