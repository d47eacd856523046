package server_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/packages/respjson"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The wire's texts, to the letter: what a client reads of each kind of answer.
var goldens = []struct{ name, path, body string }{
	{"chat", chatPath, sayHi(`"max_tokens": 8`)},
	{"chat_two_choices", chatPath, sayHi(`"max_tokens": 4, "n": 2, "service_tier": "flex", "metadata": {"a": "b"}`)},
	{"chat_logprobs", chatPath, sayHi(`"max_tokens": 2, "logprobs": true, "top_logprobs": 2`)},
	{"chat_stop", chatPath, sayHi(`"max_tokens": 64, "stop": "qho"`)},
	{"chat_stream", chatPath, sayHi(`"max_tokens": 3, "stream": true`)},
	{"chat_stream_usage", chatPath, sayHi(`"max_tokens": 2, "stream": true, "stream_options": {"include_usage": true}`)},
	{"chat_stream_logprobs", chatPath, sayHi(`"max_tokens": 2, "stream": true, "logprobs": true`)},
	{"completion", "/v1/completions", `{"model": "toy", "prompt": ["ab", "cd"], "max_tokens": 4, "temperature": 0, "n": 2}`},
	{"completion_echo", "/v1/completions", `{"model": "toy", "prompt": [97, 98], "max_tokens": 4, "temperature": 0, "echo": true}`},
	{"completion_logprobs", "/v1/completions", `{"model": "toy", "prompt": "ab", "max_tokens": 2, "temperature": 0, "logprobs": 1}`},
	{"completion_stream", "/v1/completions", `{"model": "toy", "prompt": "ab", "max_tokens": 2, "temperature": 0, "stream": true, "stream_options": {"include_usage": true}}`},
	{"error", chatPath, sayHi(`"temperature": 3`)},
}

func TestGolden(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, paced)
				got := masked(r.post(g.path, g.body).body)
				file := filepath.Join("testdata", g.name+".txt")
				if *update {
					write(t, file, got)
				}
				if want := read(t, file); got != want {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
			})
		})
	}
}

// masked replaces what differs from run to run.
func masked(body string) string {
	for pattern, mask := range map[string]string{
		`"id":"(chatcmpl|cmpl)-[A-Z2-7]{26}"`: `"id":"$1-ID"`,
		`"fp_[0-9a-f]{10}"`:                   `"fp_x"`,
	} {
		body = regexp.MustCompile(pattern).ReplaceAllString(body, mask)
	}
	return body
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The golden texts are what the official client's types expect: no field that
// they don't know, none missing that they require.
func TestGoldensFitTheOfficialTypes(t *testing.T) {
	for _, g := range goldens {
		for _, body := range objects(read(t, filepath.Join("testdata", g.name+".txt"))) {
			switch {
			case g.name == "error":
			case strings.Contains(body, `"chat.completion.chunk"`):
				fits[openai.ChatCompletionChunk](t, g.name, body)
			case strings.Contains(body, `"chat.completion"`):
				fits[openai.ChatCompletion](t, g.name, body)
			default:
				fits[openai.Completion](t, g.name, body)
			}
		}
	}
}

// objects returns the JSON objects of an answer, streamed or not.
func objects(text string) []string {
	if !strings.HasPrefix(text, ":") {
		return []string{text}
	}
	var out []string
	for line := range strings.Lines(text) {
		if data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: {"); ok {
			out = append(out, "{"+data)
		}
	}
	return out
}

// fits decodes into an official type, which must know and get every field.
func fits[T any](t *testing.T, name, body string) {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Errorf("%s: %v: %s", name, err, body)
	}
	compare(t, name, reflect.ValueOf(v))
}

// compare walks through official types: each keeps in JSON what it was given.
func compare(t *testing.T, path string, v reflect.Value) {
	t.Helper()
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			compare(t, path, v.Index(i))
		}
	}
	if v.Kind() != reflect.Struct || !v.FieldByName("JSON").IsValid() {
		return
	}
	given := v.FieldByName("JSON")
	if !given.FieldByName("ExtraFields").IsValid() {
		return // a union, whose fields are those of all that it may be
	}
	for _, extra := range given.FieldByName("ExtraFields").MapKeys() {
		t.Errorf("%s: the official type knows no %s", path, extra)
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if mark, ok := fieldOf(given, f.Name); ok {
			if f.Tag.Get("api") == "required" && mark.Raw() == "" {
				t.Errorf("%s: the official type wants %s", path, f.Name)
			}
			if mark.Valid() {
				compare(t, path+"."+f.Name, v.Field(i))
			}
		}
	}
}

func fieldOf(given reflect.Value, name string) (respjson.Field, bool) {
	v := given.FieldByName(name)
	if !v.IsValid() {
		return respjson.Field{}, false
	}
	f, ok := v.Interface().(respjson.Field)
	return f, ok
}
