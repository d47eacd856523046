package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/moltbot/moltbot/engine/enginetest"
	"github.com/moltbot/moltbot/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds waits that end by themselves when all is well.
const patience = 30 * time.Second

// rig is a server over a toy model, on a port of its own.
type rig struct {
	t      testing.TB
	toy    *enginetest.Rig
	server *server.Server
	url    string
	http   *http.Client
	wire   *http.Transport // below http, which also holds each answer against the description
	log    *lines
	served chan error
}

// config is what a test may change before the start.
type config struct {
	toy    enginetest.Options
	server server.Options
	listen func(net.Listener) net.Listener
	memory bool // connections are pipes, as a synctest bubble needs them
}

func start(t testing.TB, change func(*config)) *rig {
	t.Helper()
	r := &rig{t: t, log: &lines{}, served: make(chan error, 1), wire: &http.Transport{}}
	r.http = &http.Client{Transport: watched(t, r.wire)}
	c := config{
		server: server.Options{
			Version: "test", Log: zerolog.New(r.log), BodyLimit: 1 << 20,
			ReadHeaderTimeout: patience, ReadTimeout: patience, IdleTimeout: patience, KeepAlive: patience,
		},
		listen: func(l net.Listener) net.Listener { return l },
	}
	if change != nil {
		change(&c)
	}
	r.toy = enginetest.Start(t, c.toy)
	if c.server.Catalogue == nil {
		c.server.Catalogue = r.toy
	}
	r.serve(c)
	return r
}

func (r *rig) serve(c config) {
	r.t.Helper()
	l := r.listener(c.memory)
	r.server = server.New(c.server)
	r.url = "http://" + l.Addr().String()
	go func() { r.served <- r.server.Serve(c.listen(l)) }()
	r.t.Cleanup(r.end)
}

func (r *rig) listener(memory bool) net.Listener {
	r.t.Helper()
	if memory {
		l := newPipes()
		r.wire.DialContext = l.dial
		return l
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	return l
}

// end stops the server and what the client still holds.
func (r *rig) end() {
	r.wire.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.server.Shutdown(ctx); err != nil {
		r.t.Errorf("shutdown: %v", err)
	}
	if err := <-r.served; err != nil {
		r.t.Errorf("serve: %v", err)
	}
}

// answer is an HTTP answer, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

func (r *rig) do(method, path, body string, headers ...string) answer {
	r.t.Helper()
	req, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := r.http.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatalf("reading the answer: %v", err)
	}
	return answer{res.StatusCode, res.Header, string(b)}
}

func (r *rig) post(path, body string) answer {
	r.t.Helper()
	return r.do(http.MethodPost, path, body)
}

// open begins a request and leaves the answer's body to the caller.
func (r *rig) open(ctx context.Context, path, body string) *http.Response {
	r.t.Helper()
	res, err := r.tryOpen(ctx, path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res
}

func (r *rig) tryOpen(ctx context.Context, path, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	return r.http.Do(req)
}

// idle waits until the engine has nothing to do.
func (r *rig) idle() {
	r.t.Helper()
	r.until("the engine is idle", func() bool {
		load := r.toy.Load()
		return load.Running == 0 && load.Waiting == 0
	})
}

func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// wireError is the shape of every error.
type wireError struct {
	Error struct {
		Message, Type string
		Param, Code   *string
	}
}

// wantError checks status, shape and the request id of an error.
func (a answer) wantError(t testing.TB, status int, kind, param, code string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d: %s", a.status, status, a.body)
	}
	wantErrorBody(t, a.body, kind, param, code)
	if a.header.Get("Content-Type") != "application/json" || a.header.Get("X-Request-Id") == "" {
		t.Errorf("headers of an error: %v", a.header)
	}
}

func wantErrorBody(t testing.TB, body, kind, param, code string) {
	t.Helper()
	var keys map[string]map[string]any
	var e wireError
	if err := json.Unmarshal([]byte(body), &keys); err != nil || len(keys["error"]) != 4 {
		t.Errorf("an error needs its four keys: %s", body)
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if e.Error.Type != kind || told(e.Error.Param) != param || told(e.Error.Code) != code || e.Error.Message == "" {
		t.Errorf("got %s, want type %q, param %q, code %q", body, kind, param, code)
	}
}

func told(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// lines is a log that can be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// sayHi is the shortest request for a chat; more are further fields.
func sayHi(more string) string {
	if more != "" {
		more = ", " + more
	}
	return `{"model": "toy", "messages": [{"role": "user", "content": "hi"}], "temperature": 0` + more + `}`
}

const chatPath = "/v1/chat/completions"
