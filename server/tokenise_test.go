package server_test

import (
	"strings"
	"testing"
)

func TestTokeniseHelpers(t *testing.T) {
	r := start(t, nil)
	for _, c := range []struct{ rule, path, body, want string }{
		{"a text is its tokens, without those that begin and end it", "/tokenize", `{"content": "hé"}`, `{"tokens":[104,195,169]}`},
		{"add_special adds the beginning", "/tokenize", `{"content": "h", "add_special": true}`, `{"tokens":[256,104]}`},
		{"the name of a control token is that token", "/tokenize", `{"content": "h</s>"}`, `{"tokens":[104,257]}`},
		{"or plain text", "/tokenize", `{"content": "</s>", "parse_special": false}`, `{"tokens":[60,47,115,62]}`},
		{"pieces that are no text are bytes", "/tokenize", `{"content": "hé</s>", "with_pieces": true}`, `{"tokens":[{"id":104,"piece":"h"},{"id":195,"piece":[195]},{"id":169,"piece":[169]},{"id":257,"piece":"</s>"}]}`},
		{"no text has no tokens", "/tokenize", `{"content": ""}`, `{"tokens":[]}`},
		{"tokens become their text", "/detokenize", `{"tokens": [104, 195, 169, 257]}`, `{"content":"hé</s>"}`},
		{"no tokens are no text", "/detokenize", `{"tokens": []}`, `{"content":""}`},
		{"half a character is told as such", "/detokenize", `{"tokens": [195]}`, `{"content":"\ufffd"}`},
		{"messages become a prompt", "/apply-template", `{"messages": [{"role": "user", "content": "hi"}]}`, `{"prompt":"user: hi\nassistant: "}`},
		{"a model may be named", "/detokenize", `{"model": "toy", "tokens": [104]}`, `{"content":"h"}`},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if a := r.post(c.path, c.body); a.status != 200 || strings.TrimSpace(a.body) != c.want {
				t.Errorf("%d %s, want %s", a.status, a.body, c.want)
			}
		})
	}
}

func TestTokeniseHelpersRefuse(t *testing.T) {
	r := start(t, nil)
	for _, c := range []struct {
		rule, path, body string
		status           int
		param, code      string
	}{
		{"no content", "/tokenize", `{}`, 400, "content", "missing_required_parameter"},
		{"content of another type", "/tokenize", `{"content": 3}`, 400, "content", "invalid_type"},
		{"no tokens", "/detokenize", `{}`, 400, "tokens", "missing_required_parameter"},
		{"tokens that there are not", "/detokenize", `{"tokens": [258]}`, 400, "tokens", "invalid_value"},
		{"no messages", "/apply-template", `{}`, 400, "messages", "missing_required_parameter"},
		{"an unknown model", "/tokenize", `{"model": "nobody", "content": ""}`, 404, "model", "model_not_found"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r.post(c.path, c.body).wantError(t, c.status, "invalid_request_error", c.param, c.code)
		})
	}
}

func TestTheTemplateIsToldTheTools(t *testing.T) {
	r, _ := saying(t)
	a := r.post("/apply-template", sayHi(lookTool))
	if a.status != 200 || !strings.Contains(a.body, "Look around.") {
		t.Errorf("%d %s", a.status, a.body)
	}
}
