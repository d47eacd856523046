package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
)

// script is a server that streams one list of events per request and remembers what it was asked.
type script struct {
	*httptest.Server
	answers [][]string // data of the events
	asked   []string   // "role: content" of each message, joined by |
	keys    []string   // the Authorization headers
}

func newScript(t *testing.T, answers ...[]string) *script {
	t.Helper()
	s := &script{answers: answers}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, r *http.Request) {
		s.keys = append(s.keys, r.Header.Get("Authorization"))
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"object":"list","data":[{"id":"toy","object":"model"}]}`)
	})
	mux.HandleFunc("POST /v1/chat/completions", s.complete)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *script) complete(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Model    string
		Messages []struct{ Role, Content string }
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	said := []string{body.Model}
	for _, m := range body.Messages {
		said = append(said, m.Role+": "+m.Content)
	}
	s.asked = append(s.asked, strings.Join(said, "|"))
	w.Header().Set("Content-Type", "text/event-stream")
	for _, event := range s.answers[len(s.asked)-1] {
		fmt.Fprintf(w, "data: %s\n\n", event)
	}
}

// says is a whole answer, a word an event.
func says(words ...string) (events []string) {
	for _, w := range words {
		events = append(events, fmt.Sprintf(`{"choices":[{"delta":{"content":%q}}]}`, w))
	}
	return append(events, `{"choices":[{"delta":{},"finish_reason":"stop"}]}`, "[DONE]")
}

func TestChatAnswersOnce(t *testing.T) {
	s := newScript(t, says("Hello", " you"))
	got := command(t, process{}, "chat", "--url", s.URL+"/v1", "--system", "Be brief.", "say", "hello")
	if got != (result{0, "Hello you\n", ""}) {
		t.Errorf("got %+v", got)
	}
	if want := "toy|system: Be brief.|user: say hello"; s.asked[0] != want {
		t.Errorf("asked %q, want %q", s.asked[0], want)
	}
}

func TestChatReadsAPipe(t *testing.T) {
	s := newScript(t, says("Yes"))
	got := command(t, process{in: strings.NewReader("two\nlines\n")}, "chat", "--url", s.URL+"/v1", "--model", "other")
	if got.code != 0 || s.asked[0] != "other|user: two\nlines" {
		t.Errorf("got %+v, asked %q", got, s.asked)
	}
	got = command(t, process{in: strings.NewReader(" \n")}, "chat", "--url", s.URL+"/v1")
	if got.code != 1 || !strings.HasPrefix(got.err, "moltbot: there is no message") {
		t.Errorf("an empty pipe: got %+v", got)
	}
}

func TestChatSendsItsKeyAndNoOther(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-private")
	file := put(t, "keys", "# ours\nsk-file\nsk-second\n", 0o600)
	for _, c := range []struct {
		rule string
		env  []string
		line []string
		want string
	}{
		{"no key is sent when none is given", nil, nil, ""},
		{"the environment's", []string{"MOLTBOT_API_KEY=sk-env"}, nil, "Bearer sk-env"},
		{"the first of the file wins", []string{"MOLTBOT_API_KEY=sk-env"}, []string{"--api-key-file", file}, "Bearer sk-file"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s := newScript(t, says("Hi"))
			line := append([]string{"chat", "--url", s.URL + "/v1", "hi"}, c.line...)
			if got := command(t, process{env: c.env}, line...); got.code != 0 || s.keys[0] != c.want {
				t.Errorf("got %+v, sent %q", got, s.keys)
			}
		})
	}
}

func TestChatExplainsWhatWentWrong(t *testing.T) {
	for _, c := range []struct {
		rule   string
		events []string
		want   result
	}{
		{"an error in the stream", []string{`{"choices":[{"delta":{"content":"Well"}}]}`, `{"error":{"message":"the engine failed"}}`}, result{1, "Well\n", "moltbot: the engine failed\n"}},
		{"an answer that only stops", []string{`{"choices":[{"delta":{"content":"Well"}}]}`}, result{1, "Well\n", "moltbot: the answer ended before it was finished\n"}},
		{"an answer that was cut off", []string{`{"choices":[{"delta":{"content":"Well"},"finish_reason":"length"}]}`, "[DONE]"}, result{0, "Well\n", "(cut off: the context is full)\n"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s := newScript(t, c.events)
			if got := command(t, process{}, "chat", "--url", s.URL+"/v1", "hi"); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestChatExplainsARefusal(t *testing.T) {
	for _, c := range []struct {
		rule, body, want string
		status           int
	}{
		{"a missing key", `{"error":{"message":"no key"}}`, "the server wants an API key: give it with --api-key-file or MOLTBOT_API_KEY", 401},
		{"the server's own words", `{"error":{"message":"The server is not ready."}}`, "The server is not ready.", 503},
		{"something else than an OpenAI endpoint", `<html>`, " answers 404: is this the base URL of an OpenAI endpoint?", 404},
	} {
		t.Run(c.rule, func(t *testing.T) {
			url := "http://" + string(page(t, c.status, "Content-Type", "application/json", c.body)) + "/v1"
			got := command(t, process{}, "chat", "--url", url, "hi")
			if got.code != 1 || !strings.HasSuffix(got.err, c.want+"\n") || strings.Count(got.err, "\n") != 1 {
				t.Errorf("got %+v, want %q", got, c.want)
			}
		})
	}
}

// talked holds a conversation over those lines and returns what was written.
func talked(t *testing.T, s *script, lines string) (out, notes string) {
	t.Helper()
	var o, n strings.Builder
	p := process{out: &o, err: &n}
	c, err := newConversation(t.Context(), p, chatFlags{url: s.URL + "/v1", system: "Be brief."})
	if err != nil {
		t.Fatal(err)
	}
	c.terminal = true
	if err := c.talk(t.Context(), strings.NewReader(lines)); err != nil {
		t.Fatal(err)
	}
	return o.String(), n.String()
}

func TestAConversationRemembersUntilReset(t *testing.T) {
	s := newScript(t, says("One"), says("Two"), says("Three"))
	talked(t, s, "a\n\nb\n/reset\nc\n/exit\nd\n")
	want := []string{
		"toy|system: Be brief.|user: a",
		"toy|system: Be brief.|user: a|assistant: One|user: b",
		"toy|system: Be brief.|user: c",
	}
	if fmt.Sprint(s.asked) != fmt.Sprint(want) {
		t.Errorf("asked %q, want %q", s.asked, want)
	}
}

func TestAConversationGoesOnAfterAnError(t *testing.T) {
	s := newScript(t, []string{`{"error":{"message":"too long"}}`}, says("Two"))
	out, notes := talked(t, s, "a\nb") // the last line has no end
	if notes != "moltbot: too long\n" || !strings.HasSuffix(out, "> > Two\n> \n") {
		t.Errorf("got %q, %q", out, notes)
	}
	if want := "toy|system: Be brief.|user: b"; s.asked[1] != want {
		t.Errorf("the failed turn stayed: %q", s.asked[1])
	}
}

// presser presses Ctrl-C when it is shown a text.
type presser struct {
	strings.Builder
	at string
}

func (p *presser) Write(b []byte) (int, error) {
	if string(b) == p.at {
		syscall.Kill(syscall.Getpid(), syscall.SIGINT)
	}
	return p.Builder.Write(b)
}

func TestCtrlCEndsTheAnswerAndNotTheConversation(t *testing.T) {
	gone := make(chan struct{})
	s := newScript(t, nil, says("Two"))
	whole := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		whole.ServeHTTP(w, r)
		if r.Method == http.MethodPost && len(s.asked) == 1 {
			fmt.Fprint(w, `data: {"choices":[{"delta":{"content":"On"}}]}`, "\n\n")
			w.(http.Flusher).Flush()
			<-r.Context().Done() // the request is cancelled, not only ignored
			close(gone)
		}
	})
	out, notes := &presser{at: "On"}, &strings.Builder{}
	c, err := newConversation(t.Context(), process{out: out, err: notes}, chatFlags{url: s.URL + "/v1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.talk(t.Context(), strings.NewReader("a\nb\n")); err != nil {
		t.Fatal(err)
	}
	<-gone
	if !strings.HasSuffix(out.String(), "> On\n> Two\n> \n") || notes.Len() > 0 {
		t.Errorf("got %q, %q", out, notes)
	}
	if want := "toy|user: a|assistant: On|user: b"; s.asked[1] != want {
		t.Errorf("asked %q, want %q", s.asked[1], want)
	}
}

func TestReasoningIsDimmedOnATerminal(t *testing.T) {
	events := append([]string{`{"choices":[{"delta":{"reasoning_content":"hm"}}]}`}, says("Yes")...)
	out, _ := talked(t, newScript(t, events), "a\n")
	if !strings.Contains(out, dim+"hm"+plain+"\nYes\n") {
		t.Errorf("got %q", out)
	}
	got := command(t, process{}, "chat", "--url", newScript(t, events).URL+"/v1", "a")
	if got.out != "Yes\n" {
		t.Errorf("off a terminal only the answer is written, got %q", got.out)
	}
}
