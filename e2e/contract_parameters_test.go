package e2e

import (
	"fmt"
	"strings"
	"testing"
)

func TestContractParameters(t *testing.T) { contract(t, exact(t, "smollm2"), parameterRules) }

var parameterRules = []rule{
	{"max_tokens and max_completion_tokens bound an answer", func(t *testing.T, s *server) {
		for _, more := range []string{`"max_tokens": 3`, `"max_completion_tokens": 3`} {
			if u := s.chat(t, more+`, "ignore_eos": true`).whole().Usage; u.Completion != 3 {
				t.Errorf("%s: %+v", more, u)
			}
		}
	}},
	{"the developer's role is known", func(t *testing.T, s *server) {
		with := s.chat(t, `"messages": [{"role": "developer", "content": "Answer in one word, always."}, {"role": "user", "content": "Hello"}]`).whole().Usage
		alone := s.chat(t, `"messages": [{"role": "system", "content": ""}, {"role": "user", "content": "Hello"}]`).whole().Usage
		if with.Prompt <= alone.Prompt {
			t.Errorf("what the developer says makes %d tokens of %d", with.Prompt, alone.Prompt)
		}
	}},
	{"content may be a string or parts", func(t *testing.T, s *server) {
		one := s.chat(t, `"cache_prompt": false, "messages": [{"role": "user", "content": "Hello there"}]`)
		parts := s.chat(t, `"cache_prompt": false, "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello there"}]}]`)
		if one.whole().Usage.Prompt != parts.whole().Usage.Prompt || one.content() != parts.content() {
			t.Errorf("%s\n%s", one.body, parts.body)
		}
	}},
	{"stop is a string or up to four", func(t *testing.T, s *server) {
		for _, stop := range []string{`"c"`, `["c"]`, `["w", "x", "y", "c"]`} {
			if got := s.chat(t, `"stop": `+stop+", "+exactly("abcd")).content(); got != "ab" {
				t.Errorf("stop %s: %q", stop, got)
			}
		}
		s.chat(t, `"stop": ["a", "b", "c", "d", "e"]`).wantRefused(400, "stop", anything)
	}},
	{"n gives as many choices", func(t *testing.T, s *server) {
		w := s.chat(t, `"n": 3, "max_tokens": 4`).whole()
		for i, c := range w.Choices {
			if c.Index != i {
				t.Errorf("choice %d is number %d", i, c.Index)
			}
		}
		if len(w.Choices) != 3 {
			t.Errorf("%d choices", len(w.Choices))
		}
	}},
	{"a seed repeats an answer", func(t *testing.T, s *server) {
		const ask = `"temperature": 1.3, "cache_prompt": false, "seed": `
		if one, again, other := s.chat(t, ask+"7").content(), s.chat(t, ask+"7").content(), s.chat(t, ask+"8").content(); one != again || one == other {
			t.Errorf("%q, %q, %q", one, again, other)
		}
	}},
	{"logprobs are told when asked for", func(t *testing.T, s *server) {
		c := s.chat(t, `"logprobs": true, "top_logprobs": 2, "max_tokens": 4`).whole().Choices[0]
		if c.Logprobs == nil || len(c.Logprobs.Content) != 4 {
			t.Errorf("%+v", c)
		}
		s.chat(t, `"top_logprobs": 2`).wantRefused(400, "top_logprobs", anything)
	}},
	{"logit_bias forces and forbids tokens", func(t *testing.T, s *server) {
		if got := s.text(t, `"max_tokens": 3, "logit_bias": {"1797": 100}`).whole().Choices[0].Text; got != " United United United" {
			t.Errorf("forced: %q", got)
		}
		free := s.text(t, `"max_tokens": 1`).whole().Choices[0].Text
		token := s.json(t, "/tokenize", fmt.Sprintf(`{"content": %q}`, free))
		id := strings.Trim(strings.TrimPrefix(token, `{"tokens":`), "[]}")
		if got := s.text(t, fmt.Sprintf(`"max_tokens": 1, "logit_bias": {%q: -100}`, id)).whole().Choices[0].Text; got == free {
			t.Errorf("forbidden, and still %q", got)
		}
	}},
	{"penalties keep a text from repeating itself", func(t *testing.T, s *server) {
		plain := repeated(s.text(t, `"max_tokens": 60`).whole().Choices[0].Text)
		for _, penalty := range []string{`"frequency_penalty": 2`, `"presence_penalty": 2`, `"repeat_penalty": 1.8`} {
			if n := repeated(s.text(t, `"max_tokens": 60, `+penalty).whole().Choices[0].Text); n >= plain {
				t.Errorf("%s: %d words come again, without it %d", penalty, n, plain)
			}
		}
	}},
	{"every service_tier is taken and told, auto as the default one", func(t *testing.T, s *server) {
		for tier, served := range map[string]string{"auto": "default", "default": "default", "flex": "flex", "priority": "priority"} {
			if w := s.chat(t, fmt.Sprintf(`"service_tier": %q`, tier)).whole(); w.Tier != served {
				t.Errorf("%s: %q", tier, w.Tier)
			}
		}
		s.chat(t, `"service_tier": "express"`).wantRefused(400, "service_tier", anything)
	}},
	{"types and documented ranges are checked", wantRanges},
	{"a field is honoured or refused, never ignored", func(t *testing.T, s *server) {
		s.text(t, `"suffix": "the end"`).wantRefused(400, "suffix", anything)
		if got := s.text(t, `"echo": true`).whole().Choices[0].Text; !strings.HasPrefix(got, "The sea is") {
			t.Errorf("echo: %q", got)
		}
		if w := s.text(t, `"best_of": 2, "max_tokens": 3, "ignore_eos": true`).whole(); len(w.Choices) != 1 || w.Usage.Completion != 6 {
			t.Errorf("best_of: %+v", w)
		}
		for field, value := range map[string]string{"audio": `{"voice": "alloy"}`, "modalities": `["audio"]`, "web_search_options": `{}`, "functions": `[{"name": "f"}]`} {
			s.chat(t, fmt.Sprintf(`%q: %s`, field, value)).wantRefused(400, field, anything)
		}
	}},
	{"an unknown field is ignored", func(t *testing.T, s *server) {
		s.chat(t, `"field_of_the_future": {"a": 1}`).whole()
	}},
	{"a completion has 16 tokens by default", func(t *testing.T, s *server) {
		body := fmt.Sprintf(`{"model": %q, "prompt": "Once", "ignore_eos": true}`, s.model)
		if u := s.send(t, "POST", "/v1/completions", body).whole().Usage; u.Completion != 16 {
			t.Errorf("%+v", u)
		}
	}},
	{"usage counts all choices and all prompts", func(t *testing.T, s *server) {
		u := s.text(t, `"prompt": [[504, 1797], [504, 1797, 1918]], "n": 2, "max_tokens": 3, "ignore_eos": true`).whole().Usage
		if u.Prompt != 5 || u.Completion != 12 || u.Total != 17 {
			t.Errorf("%+v", u)
		}
	}},
	{"top_k, min_p and typical_p narrow the choice", func(t *testing.T, s *server) {
		greedy := s.text(t, `"cache_prompt": false`).whole().Choices[0].Text
		for _, narrow := range []string{`"top_k": 1`, `"min_p": 1`, `"top_p": 0`} {
			if got := s.text(t, `"cache_prompt": false, "temperature": 2, "seed": 5, `+narrow).whole().Choices[0].Text; got != greedy {
				t.Errorf("%s: %q, greedy: %q", narrow, got, greedy)
			}
		}
		s.text(t, `"typical_p": 1.5`).wantRefused(400, "typical_p", anything)
	}},
	{"grammar is GBNF or Lark", func(t *testing.T, s *server) {
		for _, grammar := range []string{`root ::= "ab" "c"`, `start: "ab" "c"`} {
			if got := s.chat(t, fmt.Sprintf(`"grammar": %q`, grammar)).content(); got != "abc" {
				t.Errorf("%s: %q", grammar, got)
			}
		}
	}},
	{"ignore_eos goes on to the limit", func(t *testing.T, s *server) {
		if w := s.chat(t, `"messages": [{"role": "user", "content": "Say yes."}], "ignore_eos": true, "max_tokens": 80`).whole(); w.Usage.Completion != 80 {
			t.Errorf("%+v", w.Usage)
		}
	}},
}

// repeated counts the words that came before.
func repeated(text string) (n int) {
	known := map[string]bool{}
	for word := range strings.FieldsSeq(text) {
		if known[word] {
			n++
		}
		known[word] = true
	}
	return n
}

// wantRanges sends a value just beyond each documented range, or of another type.
func wantRanges(t *testing.T, s *server) {
	for field, values := range map[string][]string{
		"temperature":           {"-0.1", "2.1", `"hot"`},
		"top_p":                 {"-0.1", "1.1"},
		"presence_penalty":      {"-2.1", "2.1"},
		"frequency_penalty":     {"-2.1", "2.1"},
		"top_logprobs":          {"-1", "21"},
		"n":                     {"0", "-1", "1.5"},
		"max_tokens":            {"0", "-5", `"8"`},
		"max_completion_tokens": {"0"},
		"seed":                  {`"x"`, "0.5"},
		"stream":                {`"yes"`, "1"},
		"min_p":                 {"-0.1", "1.1"},
		"messages":              {`[]`, `"hi"`},
	} {
		for _, value := range values {
			s.chat(t, fmt.Sprintf(`"logprobs": true, %q: %s`, field, value)).wantRefused(400, field, anything)
		}
	}
	for where, more := range map[string]string{
		"logit_bias":       `"logit_bias": {"5": 101}`,
		"messages[0].role": `"messages": [{"role": "narrator", "content": "x"}]`,
		"function.name":    `"tools": [{"type": "function", "function": {"name": "no spaces allowed"}}]`,
	} {
		if r := s.chat(t, more); r.wantRefused(400, anything, anything) == "" || !strings.Contains(r.body, where) {
			t.Errorf("%s: %s", more, r.body)
		}
	}
}
