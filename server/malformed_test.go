package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
)

// every field that a request can have, well formed.
const (
	fullChat = `{"model": "toy", "messages": [
		{"role": "system", "content": "s"},
		{"role": "user", "name": "ann", "content": [{"type": "text", "text": "a"}]},
		{"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{"}}]},
		{"role": "tool", "tool_call_id": "1", "content": "42"},
		{"role": "assistant", "content": "b", "refusal": "no", "reasoning_content": "r"}],
		"temperature": 1, "top_p": 0.5, "n": 1, "stream": true, "stream_options": {"include_usage": true, "include_obfuscation": false},
		"stop": ["x"], "max_tokens": 2, "max_completion_tokens": 2, "presence_penalty": 0, "frequency_penalty": 0,
		"logit_bias": {"1": 1}, "logprobs": true, "top_logprobs": 1, "seed": 1, "user": "u", "metadata": {"k": "v"},
		"service_tier": "auto", "store": false, "tools": [], "tool_choice": "none", "functions": [], "function_call": "none",
		"parallel_tool_calls": true, "response_format": {"type": "text"}, "modalities": ["text"], "reasoning_effort": "low",
		"verbosity": "medium", "safety_identifier": "s", "prompt_cache_key": "k", "top_k": 1, "min_p": 0, "typical_p": 1,
		"repeat_penalty": 1, "ignore_eos": false, "cache_prompt": true, "chat_template_kwargs": {"k": {"a": [1]}}}`
	fullCompletion = `{"model": "toy", "prompt": [[1, 2], [3]], "suffix": "", "max_tokens": 2, "temperature": 1, "top_p": 1, "n": 2,
		"stream": false, "logprobs": 1, "echo": false, "stop": "x", "presence_penalty": 0, "frequency_penalty": 0, "best_of": 2,
		"logit_bias": {"1": 1}, "user": "u", "seed": 1, "top_k": 1, "grammar": ""}`
)

// odd are values that hardly any field wants.
var odd = []string{
	`null`, `true`, `-1`, `0`, `1.5`, `1e400`, `-1e400`, `99999999999999999999`, `""`, `"\u0000"`, `"\ud800"`, `"😀"`,
	`[]`, `{}`, `[[[]]]`, `[null]`, `{"": null}`, `{"type": "image_url"}`, `[1, "a", {}]`, `"` + strings.Repeat("x", 5000) + `"`,
}

// mutants returns each body with one value replaced by each odd one, at every path.
func mutants(body string) []string {
	var root any
	if err := json.Unmarshal([]byte(body), &root); err != nil {
		panic(err)
	}
	var out []string
	replaceEach(root, func(whole func(string) any) {
		for _, o := range odd {
			out = append(out, printed(whole, o))
		}
	}, func(v any) any { return v })
	return out
}

// mark stands for the odd value until it is printed; JSON can't hold all of them.
const mark = "MARK"

func printed(whole func(string) any, value string) string {
	b, err := json.Marshal(whole(mark))
	if err != nil {
		panic(err)
	}
	return strings.Replace(string(b), `"`+mark+`"`, value, 1)
}

// replaceEach visits each place below v; around puts a value of that place back into the whole.
func replaceEach(v any, visit func(func(string) any), around func(any) any) {
	visit(func(s string) any { return around(s) })
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			replaceEach(v[name], visit, func(new any) any {
				m := maps.Clone(v)
				m[name] = new
				return around(m)
			})
		}
	case []any:
		for i := range v {
			replaceEach(v[i], visit, func(new any) any {
				s := slices.Clone(v)
				s[i] = new
				return around(s)
			})
		}
	}
}

// scrambled returns a body with bytes changed, dropped or doubled.
func scrambled(rnd *rand.Rand, body string) string {
	b := []byte(body)
	for i := 1 + rnd.IntN(4); i > 0 && len(b) > 0; i-- {
		at := rnd.IntN(len(b))
		switch rnd.IntN(4) {
		case 0:
			b[at] = byte(rnd.UintN(256))
		case 1:
			b = append(b[:at:at], b[min(len(b), at+1+rnd.IntN(20)):]...)
		case 2:
			b = slices.Insert(b, at, b[at:min(len(b), at+1+rnd.IntN(20))]...)
		default:
			b = b[:at+1]
		}
	}
	return string(b)
}

// bodies returns well over a thousand requests that something is wrong with.
func bodies() map[string][]string {
	rnd := rand.New(rand.NewPCG(1, 2))
	all := map[string][]string{chatPath: mutants(fullChat), "/v1/completions": mutants(fullCompletion)}
	for path, full := range map[string]string{chatPath: fullChat, "/v1/completions": fullCompletion} {
		for range 200 {
			all[path] = append(all[path], scrambled(rnd, full))
		}
		all[path] = append(all[path], "", "null", "[]", `"`, "\x00", strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 100_000), strings.Repeat("x", 1<<21))
	}
	return all
}

func TestThousandsOfMalformedRequests(t *testing.T) {
	r := start(t, func(c *config) {
		c.toy.Context = 256
		c.toy.Queue = 4096
		c.server.Log = zerolog.Nop()
	})
	if a := r.post(chatPath, fullChat); a.status != 200 {
		t.Fatalf("the whole of it is well formed: %s", a.body)
	}
	sent := 0
	var wg sync.WaitGroup
	limit := make(chan struct{}, 16)
	for path, all := range bodies() {
		sent += len(all)
		for _, body := range all {
			limit <- struct{}{}
			wg.Go(func() {
				defer func() { <-limit }()
				if a := r.post(path, body); a.status >= 500 || a.status != 200 && !strings.HasPrefix(a.body, `{"error":{"message":`) {
					t.Errorf("%s %.300s: %d %s", path, body, a.status, a.body)
				}
			})
		}
	}
	wg.Wait()
	if sent < 1000 {
		t.Errorf("only %d were sent", sent)
	}
	r.wantAlive()
}

// wantAlive checks that the server still answers.
func (r *rig) wantAlive() {
	r.t.Helper()
	r.idle()
	if a := r.post(chatPath, sayHi(`"max_tokens": 4`)); a.status != 200 {
		r.t.Errorf("afterwards: %d %s", a.status, a.body)
	}
}

func TestConnectionsCutMidBody(t *testing.T) {
	r := start(t, func(c *config) { c.server.Log = zerolog.Nop() })
	for i := range 200 {
		conn := r.dial()
		cut := fullChat[:i*len(fullChat)/200]
		head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", chatPath, len(fullChat), cut)
		if i%2 == 1 {
			head = fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s", chatPath, len(fullChat), cut)
		}
		send(t, conn, head)
		if i%4 < 2 {
			conn.Close()
			continue
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, conn); strings.HasPrefix(got, "HTTP/1.1 5") {
			t.Errorf("cut after %d bytes: %s", len(cut), got)
		}
		conn.Close()
	}
	r.wantAlive()
}

func TestOddHeaders(t *testing.T) {
	r := start(t, func(c *config) { c.server.Log = zerolog.Nop() })
	for _, media := range []string{"text/html", "application/xml", ";", "application/json; charset=latin1", "multipart/form-data; boundary=", strings.Repeat("a/", 5000)} {
		r.do(http.MethodPost, chatPath, sayHi(""), "Content-Type", media).wantError(t, 415, "invalid_request_error", "", "unsupported_media_type")
	}
	for _, encoding := range []string{"gzip", "br", "deflate, gzip"} {
		r.do(http.MethodPost, chatPath, sayHi(""), "Content-Encoding", encoding).wantError(t, 415, "invalid_request_error", "", "unsupported_encoding")
	}
	r.wantAlive()
}
