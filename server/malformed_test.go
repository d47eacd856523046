package server_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/server/malformed"
)

func TestThousandsOfMalformedRequests(t *testing.T) {
	r := start(t, func(c *config) {
		c.toy.Context = 256
		c.toy.Queue = 4096
		c.server.Log = zerolog.Nop()
	})
	if a := r.post(chatPath, malformed.Chat("toy")); a.status != 200 {
		t.Fatalf("the whole of it is well formed: %s", a.body)
	}
	var wg sync.WaitGroup
	limit := make(chan struct{}, 16)
	bodies := malformed.Bodies("toy")
	for _, b := range bodies {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			if a := r.post(b.Path, b.Text); a.status >= 500 || a.status != 200 && !strings.HasPrefix(a.body, `{"error":{"message":`) {
				t.Errorf("%s %.300s: %d %s", b.Path, b.Text, a.status, a.body)
			}
		})
	}
	wg.Wait()
	if len(bodies) < 1000 {
		t.Errorf("only %d were sent", len(bodies))
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

func TestConnectionsFullOfNonsense(t *testing.T) {
	r := start(t, func(c *config) { c.server.Log = zerolog.Nop() })
	for i, c := range malformed.Connections("toy", 700) {
		answer, err := c.Send(strings.TrimPrefix(r.url, "http://"), patience)
		if err != nil || strings.HasPrefix(answer, "HTTP/1.1 5") {
			t.Errorf("connection %d, %.300q: %.300q, %v", i, c.Text, answer, err)
		}
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
