package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// scribe remembers the messages of the last request.
type scribe struct {
	next http.Handler
	last []Message
	body map[string]any
}

func (s *scribe) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var raw json.RawMessage
	var body struct{ Messages []Message }
	if err := errors.Join(json.NewDecoder(r.Body).Decode(&raw), json.Unmarshal(raw, &body), json.Unmarshal(raw, &s.body)); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.last = body.Messages
	s.next.ServeHTTP(w, r)
}

// says answers every request with a status and a body.
func says(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	})
}

// breaks writes the beginning of an answer and cuts the connection.
func breaks(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, body)
		flush(w)
		panic(http.ErrAbortHandler)
	})
}

const token = `data: {"choices":[{"delta":{"content":"x"}}]}` + "\n\n"

func TestEveryBadEndHasItsKind(t *testing.T) {
	never := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	for _, c := range []struct {
		rule   string
		server http.Handler
		want   Kind
	}{
		{"a good answer", says(200, token+"data: [DONE]\n\n"), OK},
		{"carriage returns", says(200, "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\r\n\r\ndata: [DONE]\r\n\r\n"), OK},
		{"no answer at all", never, Timeout},
		{"an answer that takes too long", &fake{first: time.Second, gap: time.Minute, tokens: 3}, Timeout},
		{"too many requests", says(429, `{}`), Busy},
		{"a refusal", says(400, `{}`), Status4xx},
		{"a failure", says(500, `{}`), Status5xx},
		{"not ready", says(503, `{}`), Status5xx},
		{"an end without [DONE]", says(200, token), Cut},
		{"a broken connection", breaks(token), Cut},
		{"a broken connection within an event", breaks(token + `data: {"choices"`), Cut},
		{"no JSON", says(200, "data: {]\n\ndata: [DONE]\n\n"), Malformed},
		{"JSON of another shape", says(200, "data: {\"choices\":5}\n\ndata: [DONE]\n\n"), Malformed},
		{"a line without an end", says(200, "data: "+strings.Repeat("x", longestLine+1)), Malformed},
		{"an error in the stream", says(200, token+"data: {\"error\":{\"message\":\"no memory\",\"code\":500}}\n\n"), ErrorEvent},
		{"no text", says(200, "data: [DONE]\n\n"), Empty},
		{"no stream", says(200, ""), Cut},
	} {
		t.Run(c.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				records, _ := play(t, clientOf(t, c.server, 30*time.Second), Stream{Session: ask("a"), Count: 1, Clients: 1})
				if r := records[0]; r.Kind != c.want || (r.Detail != "") != r.Failed() {
					t.Errorf("got %q (%s), want %q", r.Kind, r.Detail, c.want)
				}
			})
		})
	}
}

func TestATimeoutIsCountedAtItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clientOf(t, &fake{first: time.Second, gap: time.Second, tokens: 1000}, 30*time.Second)
		records, _ := play(t, c, Stream{Session: ask("a"), Count: 1, Clients: 1})
		within5(t, "the end", records[0].End, 30*time.Second)
		if n := len(records[0].Events); n < 29 || n > 30 {
			t.Errorf("%d events before the end, want 29 or 30", n)
		}
	})
}

func TestADeadServerIsNotAskedWithoutRest(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close() // nobody listens there now
	c := NewClient(Target{URL: "http://" + address}, time.Minute, NewTransport())
	defer c.Close()
	records, _ := play(t, c, Stream{Session: ask("a"), For: 300 * time.Millisecond, Clients: 1})
	if len(records) == 0 || len(records) > 4 || records[0].Kind != Connect {
		t.Errorf("%d requests, the first %+v", len(records), records[0])
	}
}

// Servers close kept connections after some time or some requests. A client that
// meets such a one has seen no error of the server.
func TestAKeptConnectionThatTheServerClosedIsNoError(t *testing.T) {
	asked := 0
	closing := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked%2 == 0 {
			panic(http.ErrAbortHandler) // closes the connection without a byte
		}
		fmt.Fprint(w, token+"data: [DONE]\n\n")
	})
	synctest.Test(t, func(t *testing.T) {
		records, _ := play(t, clientOf(t, closing, time.Minute), Stream{Session: ask("a"), Count: 6, Clients: 1})
		for _, r := range records {
			if r.Failed() {
				t.Errorf("got %q: %s", r.Kind, r.Detail)
			}
		}
	})
}

func TestTokensThatTheServerDoesNotCountAreUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		records, _ := play(t, clientOf(t, says(200, token+"data: [DONE]\n\n"), time.Minute), Stream{Session: ask("a"), Count: 1, Clients: 1})
		if r := records[0]; r.Prompt != nil || r.Output != nil || r.Cached != nil {
			t.Errorf("counts were made up: %+v", r)
		}
	})
}

func TestTheRequestIsPlainOpenAI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := &scribe{next: &fake{tokens: 1}}
		c := clientOf(t, seen, time.Minute)
		c.target.Model, c.target.Extra = "m", map[string]any{"cache_prompt": false, "temperature": 1.0}
		turn := Turn{Tokens: 5, Fields: map[string]any{"temperature": 0, "ignore_eos": true}}
		play(t, c, Stream{Session: func(int) Session { return Session{Turns: []Turn{turn}} }, Count: 1, Clients: 1})
		want := map[string]any{"model": "m", "max_tokens": 5.0, "stream": true, "cache_prompt": false, "temperature": 1.0, "ignore_eos": true}
		for name, value := range want {
			if seen.body[name] != value {
				t.Errorf("%s is %v, want %v", name, seen.body[name], value)
			}
		}
		if usage, ok := seen.body["stream_options"].(map[string]any); !ok || usage["include_usage"] != true {
			t.Errorf("stream_options are %v", seen.body["stream_options"])
		}
	})
}

func TestCompletionsSendTheMessagesAsOneText(t *testing.T) {
	target := Target{URL: "http://h", Completions: true}
	history := []Message{{"system", "a"}, {"user", "b"}}
	body, err := target.body(history, Turn{})
	if err != nil || !strings.Contains(string(body), `"prompt":"a\n\nb\n\n"`) || strings.Contains(string(body), "messages") {
		t.Errorf("got %s, %v", body, err)
	}
	history = append(history, Message{"assistant", "c"}, Message{"user", "d"})
	if body, err := target.body(history, Turn{}); err != nil || !strings.Contains(string(body), `"prompt":"a\n\nb\n\nc\n\nd\n\n"`) {
		t.Errorf("the next turn does not go on from the text of the first: %s, %v", body, err)
	}
	if target.endpoint() != "http://h/v1/completions" {
		t.Errorf("it goes to %s", target.endpoint())
	}
}
