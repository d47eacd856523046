// Package malformed makes requests that something is wrong with, for tests of the server.
//
// Owns: the bodies and the connections; the same ones in every run.
// Must not import: anything of Moltbot, so that any test may use it.
// Flow: a test sends what Bodies and Connections return, and wants no answer
// that blames the server.
package malformed

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// The paths that take bodies.
const (
	ChatPath       = "/v1/chat/completions"
	CompletionPath = "/v1/completions"
	EmbeddingPath  = "/v1/embeddings"
	RerankPath     = "/v1/rerank"
)

// Chat is every field that a chat can have, well formed; about two tokens are asked for.
func Chat(model string) string {
	return `{"model": "` + model + `", "messages": [
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
}

// Completion is every field that a completion can have, well formed.
func Completion(model string) string {
	return `{"model": "` + model + `", "prompt": [[1, 2], [3]], "suffix": "", "max_tokens": 2, "temperature": 1, "top_p": 1, "n": 2,
		"stream": false, "logprobs": 1, "echo": false, "stop": "x", "presence_penalty": 0, "frequency_penalty": 0, "best_of": 2,
		"logit_bias": {"1": 1}, "user": "u", "seed": 1, "top_k": 1, "grammar": ""}`
}

// Embedding is every field that a request for embeddings can have, well formed.
func Embedding(model string) string {
	return `{"model": "` + model + `", "input": [[1, 2], [3]], "dimensions": 2, "encoding_format": "base64", "user": "u"}`
}

// Rerank is every field that a request for ranks can have, well formed.
func Rerank(model string) string {
	return `{"model": "` + model + `", "query": "q", "documents": ["a", {"text": "b"}], "top_n": 1, "return_documents": true, "truncation": false}`
}

// Body is a request's path and body.
type Body struct{ Path, Text string }

// Bodies returns some three thousand: every value of every field replaced by
// values that hardly any field wants, bytes scrambled, and no JSON at all.
func Bodies(model string) []Body {
	return bodies(Body{ChatPath, Chat(model)}, Body{CompletionPath, Completion(model)})
}

// EmbedderBodies does the same for a model that embeds and one that ranks.
func EmbedderBodies(embedder, reranker string) []Body {
	return bodies(Body{EmbeddingPath, Embedding(embedder)}, Body{RerankPath, Rerank(reranker)})
}

func bodies(good ...Body) (all []Body) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, full := range good {
		for _, text := range mutants(full.Text) {
			all = append(all, Body{full.Path, text})
		}
		for range 200 {
			all = append(all, Body{full.Path, scrambled(rnd, full.Text)})
		}
		for _, text := range []string{"", "null", "[]", `"`, "\x00", strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 100_000), strings.Repeat("x", 1<<21)} {
			all = append(all, Body{full.Path, text})
		}
	}
	return all
}

// odd are values that hardly any field wants.
var odd = []string{
	`null`, `true`, `-1`, `0`, `1.5`, `1e400`, `-1e400`, `99999999999999999999`, `""`, `"\u0000"`, `"\ud800"`, `"😀"`, "\"\xff\"",
	`[]`, `{}`, `[[[]]]`, `[null]`, `{"": null}`, `{"type": "image_url"}`, `[1, "a", {}]`, `"` + strings.Repeat("x", 5000) + `"`,
}

// mutants returns a body with one value replaced by each odd one, at every path.
func mutants(body string) (out []string) {
	var root any
	if err := json.Unmarshal([]byte(body), &root); err != nil {
		panic(err) // it stands above
	}
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
		panic(err) // it was read from JSON
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
