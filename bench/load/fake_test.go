package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// fake is a server with known latencies; within a synctest bubble they are exact.
type fake struct {
	slots  chan struct{} // as many answers at a time
	first  time.Duration // from the start of an answer to its first token
	gap    time.Duration // between tokens
	tokens int
	tail   string // after the tokens, instead of finish, usage and [DONE]

	mu   sync.Mutex
	asks int
	gone int // clients that left
}

const chatEnd = `data: {"choices":[{"delta":{},"finish_reason":"length"}]}

data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":%d,"prompt_tokens_details":{"cached_tokens":3}}}

data: [DONE]

`

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asks++
	f.mu.Unlock()
	if f.slots != nil {
		f.slots <- struct{}{}
		defer func() { <-f.slots }()
	}
	fmt.Fprint(w, ": keepalive\n\ndata: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\n\n")
	flush(w)
	for i := range f.tokens {
		if !f.sleep(r.Context(), i) {
			return
		}
		fmt.Fprintf(w, "data: {\"choices\":[{\"delta\":{\"content\":\"t%d \"}}]}\n\n", i)
		flush(w)
	}
	if f.tail != "" {
		fmt.Fprint(w, f.tail)
		return
	}
	fmt.Fprintf(w, chatEnd, f.tokens)
}

// sleep waits for a token; false: the client left.
func (f *fake) sleep(ctx context.Context, token int) bool {
	wait := f.gap
	if token == 0 {
		wait = f.first
	}
	select {
	case <-time.After(wait):
		return true
	case <-ctx.Done():
		f.mu.Lock()
		f.gone++
		f.mu.Unlock()
		return false
	}
}

func flush(w http.ResponseWriter) { w.(http.Flusher).Flush() }

// pipes is a listener without a network, so that a bubble's clock can run.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// dial connects to the listener.
func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// clientOf starts a server for the test and returns a client of it.
func clientOf(t *testing.T, h http.Handler, timeout time.Duration) *Client {
	t.Helper()
	in := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: whole(h)}
	served := make(chan struct{})
	go func() {
		server.Serve(in) // ends with ErrServerClosed
		close(served)
	}()
	transport := NewTransport()
	transport.DialContext = in.dial
	c := NewClient(Target{URL: "http://fake"}, timeout, transport)
	t.Cleanup(func() {
		c.Close()
		server.Close()
		<-served
	})
	return c
}

// whole reads a request before it is handled: only then net/http notices that a client left.
func whole(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// ask is a session of one request.
func ask(class string) func(int) Session {
	return func(int) Session {
		return Session{Turns: []Turn{{Class: class, Add: []Message{{"user", "hello"}}, Tokens: 9}}}
	}
}

// play runs streams to their end.
func play(t *testing.T, c *Client, streams ...Stream) ([]Record, time.Duration) {
	t.Helper()
	records, took, err := c.Run(t.Context(), Phase{Streams: streams}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return records, took
}
