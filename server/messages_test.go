package server_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anthropics/anthropic-sdk-go"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/chat"
	"github.com/moltbot/moltbot/engine/constrain"
	"github.com/moltbot/moltbot/engine/enginetest"
)

const messagesPath = "/v1/messages"

// greet is the shortest request for a message; more are further fields.
func greet(more string) string { return sayHi(strings.TrimSuffix(`"max_tokens": 99, `+more, ", ")) }

const (
	lookCustom = `"tools": [{"name": "look", "description": "Look around.", "input_schema": {"type": "object", "properties": {"where": {"type": "string"}}}}]`
	mustLook   = lookCustom + `, "tool_choice": {"type": "any"}`
)

// The texts of Messages, to the letter.
var messageGoldens = []struct{ name, path, body string }{
	{"message", messagesPath, greet(`"system": "be brief", "max_tokens": 8`)},
	{"message_stop", messagesPath, greet(`"stop_sequences": ["qho"]`)},
	{"message_stream", messagesPath, greet(`"max_tokens": 3, "stream": true`)},
	{"message_error", messagesPath, greet(`"temperature": 1.5`)},
	{"message_count", messagesPath + "/count_tokens", `{"model": "toy", "messages": [{"role": "user", "content": "hi"}]}`},
}

func TestMessageGoldens(t *testing.T) {
	for _, g := range messageGoldens {
		t.Run(g.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, paced)
				wantGolden(t, g.name, r.do("POST", g.path, g.body, "X-Request-Id", "req_1").body)
			})
		})
	}
}

func TestStreamedCallGolden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		always := func(constrain.Grammar) (constrain.Constraint, error) { return enginetest.OneOf{lookCall}, nil }
		r := with(t, &altered{grammars: always}, paced)
		wantGolden(t, "message_stream_call", r.post(messagesPath, greet(mustLook+`, "stream": true`)).body)
	})
}

// wantGolden compares a text with its file, but for ids.
func wantGolden(t *testing.T, name, got string) {
	t.Helper()
	got = regexp.MustCompile(`"(msg|toolu)_[A-Z2-7]{26}"`).ReplaceAllString(got, `"${1}_ID"`)
	file := filepath.Join("testdata", name+".txt")
	if *update {
		write(t, file, got)
	}
	if want := read(t, file); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// message reads a whole answer.
func message(t *testing.T, a answer) (m anthropic.Message) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &m); err != nil || a.status != 200 {
		t.Fatalf("%d %s, %v", a.status, a.body, err)
	}
	return m
}

// accumulate puts a streamed answer together.
func accumulate(t *testing.T, a answer) (m anthropic.Message) {
	t.Helper()
	for _, data := range events(a.body) {
		var e anthropic.MessageStreamEventUnion
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		if err := m.Accumulate(e); err != nil {
			t.Fatalf("%v: %s", err, data)
		}
	}
	return m
}

func TestAForcedToolIsUsed(t *testing.T) {
	r, _ := saying(t, lookCall)
	for rule, choice := range map[string]string{"any": `{"type": "any"}`, "one": `{"type": "tool", "name": "look"}`} {
		t.Run(rule, func(t *testing.T) {
			body := greet(lookCustom + `, "tool_choice": ` + choice)
			for _, m := range []anthropic.Message{
				message(t, r.post(messagesPath, body)),
				accumulate(t, r.post(messagesPath, strings.Replace(body, `{`, `{"stream": true, `, 1))),
			} {
				if m.StopReason != "tool_use" || len(m.Content) != 1 || m.Content[0].Name != "look" || string(m.Content[0].Input) != `{"where":"up"}` && string(m.Content[0].Input) != `{"where": "up"}` {
					t.Errorf("got %s", m.RawJSON())
				}
			}
		})
	}
}

func TestInputThatIsNoObjectIsWrapped(t *testing.T) {
	r, _ := saying(t, lookCall) // the answer is cut inside its arguments
	m := message(t, r.post(messagesPath, greet(mustLook+`, "max_tokens": 56`)))
	if m.StopReason != "max_tokens" || len(m.Content) != 1 || !strings.Contains(string(m.Content[0].Input), `"INVALID_JSON":"{\"whe`) {
		t.Errorf("got %s", m.RawJSON())
	}
}

func TestEagerInputComesAsItIsWritten(t *testing.T) {
	r, _ := saying(t, lookCall)
	eager := strings.Replace(mustLook, `"name"`, `"eager_input_streaming": true, "name"`, 1)
	a := r.post(messagesPath, greet(eager+`, "stream": true`))
	if m := accumulate(t, a); string(m.Content[0].Input) != `{"where": "up"}` {
		t.Errorf("got %s", a.body)
	}
}

func TestResultsOfToolsReachThePrompt(t *testing.T) {
	r := start(t, func(c *config) { c.server.LogPrompts = true })
	a := r.post(messagesPath, `{"model": "toy", "max_tokens": 1, `+lookCustom+`,
		"system": [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}], "messages": [
		{"role": "user", "content": "hi"},
		{"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": ""}, {"type": "text", "text": "I look"},
			{"type": "tool_use", "id": "t1", "name": "look", "input": {"where": "left"}}]},
		{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "is_error": true, "content": [{"type": "text", "text": "too dark"}]}, {"type": "text", "text": "and now?"}]}]}`)
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, want := range []string{"be brief", "Look around.", "I look", "left", "Error: too dark", "and now?"} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("%q is not in the prompt", want)
		}
	}
}

func TestTokensOfAMessageAreCounted(t *testing.T) {
	r := start(t, nil)
	ask := `{"model": "toy", "system": "s", "max_tokens": 2, "messages": [{"role": "user", "content": "hi"}]}`
	prompt, _ := enginetest.Vocab{}.Tokenize("system: s\nuser: hi\nassistant: ", true, true)
	var counted anthropic.MessageTokensCount
	if err := json.Unmarshal([]byte(r.post(messagesPath+"/count_tokens", ask).body), &counted); err != nil || int(counted.InputTokens) != len(prompt) {
		t.Errorf("got %+v, %v; want %d", counted, err, len(prompt))
	}
	message(t, r.post(messagesPath, ask))
	u := message(t, r.post(messagesPath, ask)).Usage
	if u.CacheReadInputTokens == 0 || int(u.InputTokens+u.CacheReadInputTokens) != len(prompt) || u.OutputTokens == 0 {
		t.Errorf("asked again: %s", u.RawJSON())
	}
}

// wantMessagesError checks an error in the shape of Anthropic's API.
func (a answer) wantMessagesError(t *testing.T, status int, kind, says string) {
	t.Helper()
	var e struct {
		Type  string
		Error struct{ Type, Message string }
		ID    string `json:"request_id"`
	}
	if err := json.Unmarshal([]byte(a.body), &e); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	if a.status != status || e.Type != "error" || e.Error.Type != kind || !strings.Contains(e.Error.Message, says) || e.ID == "" || e.ID != a.header.Get("Request-Id") {
		t.Errorf("%d %s, want %d, %s, %q", a.status, a.body, status, kind, says)
	}
}

func TestMessagesRefuse(t *testing.T) {
	r := start(t, nil)
	turn := func(block string) string {
		return `{"model": "toy", "max_tokens": 9, "messages": [{"role": "user", "content": [` + block + `]}]}`
	}
	for _, c := range []struct{ rule, body, says string }{
		{"no limit", sayHi(""), "max_tokens"},
		{"no messages", `{"model": "toy", "max_tokens": 9}`, "messages"},
		{"an empty turn", turn(""), "messages[0].content"},
		{"an image", turn(`{"type": "image", "source": {}}`), "not 'image'"},
		{"a document", turn(`{"type": "document", "source": {}}`), "not 'document'"},
		{"a call by the user", turn(`{"type": "tool_use", "id": "a", "name": "b", "input": {}}`), "tool_use"},
		{"an answer to go on with", `{"model": "toy", "max_tokens": 9, "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}`, "end with a user message"},
		{"a system turn", `{"model": "toy", "max_tokens": 9, "messages": [{"role": "system", "content": "a"}]}`, "'system'"},
		{"too hot", greet(`"temperature": 1.1`), "temperature"},
		{"a tool of the server's", greet(`"tools": [{"type": "web_search_20250305", "name": "web_search"}]`), "tools[0].type"},
		{"a tool without a schema", greet(`"tools": [{"name": "look"}]`), "tools[0].input_schema"},
		{"two tools of a name", greet(`"tools": [{"name": "a", "input_schema": {}}, {"name": "a", "input_schema": {}}]`), "two tools"},
		{"a forced call of nothing", greet(`"tool_choice": {"type": "any"}`), "tool_choice"},
		{"an unknown tool", greet(lookCustom + `, "tool_choice": {"type": "tool", "name": "fly"}`), "'fly'"},
		{"a schema that can't be enforced", greet(mustLook), "tools[0].input_schema"},
		{"a format that can't be enforced", greet(`"output_config": {"format": {"type": "json_schema", "schema": {}}}`), "output_config.format"},
		{"too little to think", greet(`"thinking": {"type": "enabled", "budget_tokens": 9}`), "thinking.budget_tokens"},
		{"more to think than to say", greet(`"thinking": {"type": "enabled", "budget_tokens": 1024}`), "less than 'max_tokens'"},
		{"thinking before a forced call", greet(mustLook + `, "thinking": {"type": "adaptive"}`), "forces tool use"},
		{"thinking that is hidden", greet(`"thinking": {"type": "adaptive", "display": "omitted"}`), "thinking.display"},
		{"an empty stop sequence", greet(`"stop_sequences": [""]`), "stop_sequences[0]"},
		{"servers of tools", greet(`"mcp_servers": [{"url": "x"}]`), "mcp_servers"},
		{"more than fits", greet(`"max_tokens": 99999`), "maximum context length"},
		{"no JSON", `{`, "JSON"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r.post(messagesPath, c.body).wantMessagesError(t, 400, "invalid_request_error", c.says)
		})
	}
}

func TestErrorsOutsideHandlersHaveTheShapeOfTheirRoute(t *testing.T) {
	r := start(t, func(c *config) { c.server.Keys = []string{"one"}; c.server.BodyLimit = 999 })
	r.post(messagesPath, greet("")).wantMessagesError(t, 401, "authentication_error", "x-api-key")
	key := []string{"X-Api-Key", "one"}
	r.do("POST", messagesPath+"/none", "{}", key...).wantMessagesError(t, 404, "not_found_error", "/v1/messages/none")
	r.do("GET", messagesPath, "", key...).wantMessagesError(t, 405, "invalid_request_error", "GET")
	r.do("POST", messagesPath, strings.Repeat(" ", 1000), key...).wantMessagesError(t, 413, "request_too_large", "999")
	r.do("POST", messagesPath, strings.Replace(greet(""), "toy", "nobody", 1), key...).wantMessagesError(t, 404, "not_found_error", "'nobody'")
	if a := r.do("POST", messagesPath, greet(""), key...); a.status != 200 || a.header.Get("Request-Id") == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestAMessageThatFailsInTheMiddleEndsWithAnErrorEvent(t *testing.T) {
	r := with(t, &altered{template: smouldering{}}, nil)
	a := r.post(messagesPath, greet(`"stream": true`))
	if !strings.Contains(a.body, "event: message_start\n") || !strings.Contains(a.body, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\"") || strings.Contains(a.body, "message_stop") {
		t.Errorf("got %s", a.body)
	}
}

func TestASilentMessagePings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *config) {
			c.memory = true
			c.server.KeepAlive = 10 * time.Second
			c.toy.Before = func(step int, _ []engine.Row) error {
				if step == 1 {
					time.Sleep(35 * time.Second) // a long prefill
				}
				return nil
			}
		})
		a := r.post(messagesPath, greet(`"stream": true, "max_tokens": 1`))
		if n := strings.Count(a.body, "event: ping\ndata: {\"type\":\"ping\"}\n\n"); n != 3 || !strings.HasPrefix(a.body, "event: message_start\n") {
			t.Errorf("%d pings in 35 s of silence: %s", n, a.body)
		}
	})
}

// musing thinks the first letters of an answer, and says the rest.
type musing struct{ told *map[string]string }

func (m musing) Render(c chat.Conversation) (chat.Prompt, error) {
	*m.told = c.Kwargs
	return chat.Prompt{Text: "x", Parser: func() chat.Parser { return &thinker{} }}, nil
}

type thinker struct{ letters int }

func (p *thinker) Push(text string) (chat.Delta, error) {
	n := min(len(text), max(0, 2-p.letters))
	p.letters += len(text)
	return chat.Delta{Reasoning: text[:n], Content: text[n:]}, nil
}

func (*thinker) Close() (chat.Delta, error) { return chat.Delta{}, nil }

func TestThoughtsAreABlockOfTheirOwn(t *testing.T) {
	var told map[string]string
	r := with(t, &altered{template: musing{&told}}, nil)
	for _, c := range []struct{ rule, fields, want string }{
		{"thinking is told to the template", `"thinking": {"type": "adaptive"}`, "true"},
		{"none is asked for without a word", "", "false"},
		{"the template's own variable wins", `"chat_template_kwargs": {"enable_thinking": true}`, "true"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			whole := message(t, r.post(messagesPath, greet(c.fields)))
			streamed := accumulate(t, r.post(messagesPath, greet(strings.TrimPrefix(c.fields+`, "stream": true`, ", "))))
			for _, m := range []anthropic.Message{whole, streamed} {
				if len(m.Content) != 2 || len(m.Content[0].Thinking) != 2 || m.Content[0].Type != "thinking" || m.Content[1].Text == "" {
					t.Errorf("got %s", m.RawJSON())
				}
			}
			if told["enable_thinking"] != c.want || whole.Content[1].Text != streamed.Content[1].Text {
				t.Errorf("told %q; whole %s, streamed %s", told, whole.RawJSON(), streamed.RawJSON())
			}
		})
	}
}
