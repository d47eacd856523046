package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestContractStreams(t *testing.T) { contract(t, shared(t, "smollm2"), streamRules) }

func TestContractFinishReason(t *testing.T) { contract(t, shared(t, "smollm2"), finishRules) }

// exactly makes a grammar of one text.
func exactly(text string) string {
	return fmt.Sprintf(`"grammar": %q`, fmt.Sprintf("root ::= %q", text))
}

var streamRules = []rule{
	{"events are data lines and end with [DONE]", func(t *testing.T, s *server) {
		r := s.chat(t, `"stream": true`)
		for block := range strings.SplitSeq(strings.TrimSuffix(r.body, "\n\n"), "\n\n") {
			data, ok := strings.CutPrefix(block, "data: ")
			if comment := strings.HasPrefix(block, ":"); !comment && (!ok || data != "[DONE]" && !json.Valid([]byte(data))) {
				t.Errorf("got %q", block)
			}
		}
		if !strings.HasSuffix(r.body, "\n\ndata: [DONE]\n\n") {
			t.Errorf("it ends with %q", r.body[max(0, len(r.body)-40):])
		}
	}},
	{"the headers keep proxies from buffering", func(t *testing.T, s *server) {
		h := s.chat(t, `"stream": true`).header
		if h.Get("Content-Type") != "text/event-stream" || h.Get("Cache-Control") != "no-cache" || h.Get("X-Accel-Buffering") != "no" {
			t.Errorf("got %v", h)
		}
	}},
	{"a comment comes before the prompt is computed", func(t *testing.T, s *server) {
		r := s.text(t, fmt.Sprintf(`"stream": true, "cache_prompt": false, "max_tokens": 1, "prompt": %q`, strings.Repeat("word ", 1500)))
		if !strings.HasPrefix(r.body, ":") {
			t.Errorf("it begins with %.60q", r.body)
		}
	}},
	{"id and created are the same on every chunk", func(t *testing.T, s *server) {
		all := s.chat(t, `"stream": true`).chunks()
		for _, c := range all {
			if c.ID != all[0].ID || c.Created != all[0].Created || c.ID == "" || c.Created == 0 {
				t.Errorf("%s %d, before %s %d", c.ID, c.Created, all[0].ID, all[0].Created)
			}
		}
	}},
	{"the role comes in the first delta alone", func(t *testing.T, s *server) {
		for i, c := range s.chat(t, `"stream": true`).chunks() {
			if role := c.Choices[0].Delta.Role; (role == "assistant") != (i == 0) || role != "" && i > 0 {
				t.Errorf("chunk %d has the role %q", i, role)
			}
		}
	}},
	{"the last chunk has an empty delta and the reason", func(t *testing.T, s *server) {
		events := s.chat(t, `"stream": true`).events()
		for i, e := range events {
			last := i == len(events)-1
			if last != strings.Contains(e, `"delta":{}`) || last != strings.Contains(e, `"finish_reason":"length"`) {
				t.Errorf("chunk %d of %d: %s", i, len(events), e)
			}
		}
	}},
	{"usage comes when asked for, in a chunk without choices", func(t *testing.T, s *server) {
		for _, e := range s.chat(t, `"stream": true`).events() {
			if strings.Contains(e, `"usage":{`) {
				t.Errorf("nobody asked: %s", e)
			}
		}
		events := s.chat(t, `"stream": true, "stream_options": {"include_usage": true}`).events()
		for i, e := range events {
			if last := i == len(events)-1; last != strings.Contains(e, `"choices":[]`) || last == strings.Contains(e, `"usage":null`) {
				t.Errorf("chunk %d of %d: %s", i, len(events), e)
			}
		}
	}},
	{"cached tokens are those that were not computed", func(t *testing.T, s *server) {
		s.chat(t, "")
		again := s.chat(t, "").whole().Usage
		if again.Details.Cached == 0 || again.Details.Cached >= again.Prompt {
			t.Errorf("asked again: %+v", again)
		}
		if anew := s.chat(t, `"cache_prompt": false`).whole().Usage; anew.Details.Cached != 0 {
			t.Errorf("asked to compute all: %+v", anew)
		}
	}},
	{"a character is never split", func(t *testing.T, s *server) {
		const text = "🦙é日本🏽語Ω🦙"
		r := s.chat(t, `"stream": true, "max_tokens": 60, `+exactly(text))
		if got := r.streamed(); got != text || !utf8.ValidString(r.body) || strings.ContainsRune(r.body, utf8.RuneError) {
			t.Errorf("got %q", got)
		}
	}},
	{"stop strings never leak, across tokens either", func(t *testing.T, s *server) {
		ask := `"max_tokens": 60, "stop": ["ta ga", "never"], ` + exactly("alpha beta gamma delta")
		if got := s.chat(t, ask).content(); got != "alpha be" {
			t.Errorf("whole: %q", got)
		}
		if got := s.chat(t, ask+`, "stream": true`).streamed(); got != "alpha be" {
			t.Errorf("streamed: %q", got)
		}
	}},
}

// place is a tool that a small model can be forced to call.
const place = `"tools": [{"type": "function", "function": {"name": "place", "description": "Places an order.", "parameters": {"type": "object", "properties": {"item": {"enum": ["ladder", "rope"]}}, "required": ["item"], "additionalProperties": false}}}]`

const namedPlace = `"tool_choice": {"type": "function", "function": {"name": "place"}}`

// wantFinish checks why an answer ended, whole and streamed.
func wantFinish(t *testing.T, s *server, more, want string) {
	t.Helper()
	if c := s.chat(t, more).whole().Choices[0]; c.Finish != want {
		t.Errorf("whole: %+v", c)
	}
	all := s.chat(t, more+`, "stream": true`).chunks()
	if got := all[len(all)-1].Choices[0].Finish; got != want {
		t.Errorf("streamed: %s", got)
	}
}

var finishRules = []rule{
	{"a required call: tool_calls", func(t *testing.T, s *server) {
		wantFinish(t, s, `"max_tokens": 60, "tool_choice": "required", "parallel_tool_calls": false, `+place, "tool_calls")
	}},
	{"a named function: stop", func(t *testing.T, s *server) {
		wantFinish(t, s, `"max_tokens": 60, `+namedPlace+", "+place, "stop")
	}},
	{"auto: tool_calls where there is a call, otherwise not", func(t *testing.T, s *server) {
		c := s.chat(t, `"max_tokens": 40, `+place).whole().Choices[0]
		if (c.Finish == "tool_calls") != (len(c.Message.ToolCalls) > 0) {
			t.Errorf("%+v", c)
		}
	}},
	{"cut by the token limit: length", func(t *testing.T, s *server) { wantFinish(t, s, `"max_tokens": 3`, "length") }},
	{"a stop string: stop", func(t *testing.T, s *server) {
		wantFinish(t, s, `"stop": "b", `+exactly("abc"), "stop")
	}},
	{"the end of the turn: stop", func(t *testing.T, s *server) { wantFinish(t, s, exactly("Yes."), "stop") }},
}
