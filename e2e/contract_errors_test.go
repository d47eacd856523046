package e2e

import (
	"regexp"
	"strings"
	"testing"
)

func TestContractErrors(t *testing.T) { contract(t, complete(t), errorRules) }

var tooLong = regexp.MustCompile(`^This model's maximum context length is \d+ tokens\. However, you requested \d+ tokens \(`)

var errorRules = []rule{
	{"an error has four keys", func(t *testing.T, s *server) { s.chat(t, `"temperature": 5`).wantRefused(400, "temperature", anything) }},
	{"an unknown model is 404 model_not_found", func(t *testing.T, s *server) {
		s.chat(t, `"model": "gpt-none"`).wantRefused(404, anything, "model_not_found")
		s.send(t, "GET", "/v1/models/gpt-none", "").wantRefused(404, anything, "model_not_found")
	}},
	{"too long is 400 context_length_exceeded, with both numbers", func(t *testing.T, s *server) {
		for _, more := range []string{`"max_tokens": 100000`, `"messages": [{"role": "user", "content": "` + strings.Repeat("word ", 6000) + `"}]`} {
			if said := s.chat(t, more).wantRefused(400, anything, "context_length_exceeded"); !tooLong.MatchString(said) {
				t.Errorf("it says %q", said)
			}
		}
	}},
	{"malformed bodies are 400", func(t *testing.T, s *server) {
		for what, body := range map[string]string{
			"half an object": `{"model": `, "no object": `[1]`, "nothing": "", "two values": `{} {}`, "invalid UTF-8": "{\"model\": \"\xff\"}",
			"a lone surrogate": `{"model": "\ud800"}`, "bottomless nesting": strings.Repeat(`{"a":`, 100000),
		} {
			t.Run(what, func(t *testing.T) { s.send(t, "POST", chatPath, body).wantRefused(400, anything, anything) })
		}
	}},
	{"another content type is 415", func(t *testing.T, s *server) {
		s.send(t, "POST", chatPath, "model=x", "Content-Type: application/x-www-form-urlencoded").wantRefused(415, anything, anything)
	}},
	{"an image to a text model is 400", func(t *testing.T, s *server) {
		s.chat(t, `"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}]`).wantRefused(400, anything, anything)
	}},
	{"a bad key is 401 invalid_api_key", func(t *testing.T, s *server) {
		for _, key := range []string{"Bearer sk-eve", "Basic x", ""} {
			s.send(t, "GET", "/v1/models", "", "Authorization: "+key).wantRefused(401, anything, "invalid_api_key")
		}
	}},
	{"an unknown route is 404 and an unknown method 405", func(t *testing.T, s *server) {
		s.send(t, "GET", "/v1/nothing", "").wantRefused(404, "", "unknown_url")
		s.send(t, "DELETE", chatPath, "").wantRefused(405, "", "method_not_allowed")
	}},
	{"an oversized body is 413", func(t *testing.T, s *server) {
		s.send(t, "POST", chatPath, `{"model": "`+strings.Repeat("x", 17<<20)+`"}`, "Expect: 100-continue").wantRefused(413, anything, anything)
	}},
	{"every answer has an x-request-id, the client's own where it is well formed", func(t *testing.T, s *server) {
		for id, kept := range map[string]bool{"my-request.7": true, "not well formed": false, strings.Repeat("x", 200): false} {
			for _, path := range []string{"/v1/models", "/v1/nothing", "/health"} {
				if got := s.send(t, "GET", path, "", "X-Request-Id: "+id).header.Get("x-request-id"); got == "" || (got == id) != kept {
					t.Errorf("%s: %q becomes %q", path, id, got)
				}
			}
		}
	}},
}
