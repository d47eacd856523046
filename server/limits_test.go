package server_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/engine/enginetest"
)

func TestRequestIDIsOnEveryAnswer(t *testing.T) {
	r := start(t, func(c *config) { c.server.Keys = []string{"k"}; c.server.BodyLimit = 100 })
	auth := []string{"Authorization", "Bearer k"}
	for name, a := range map[string]answer{
		"401": r.do("GET", "/v1/models", ""),
		"404": r.do("GET", "/nowhere", "", auth...),
		"405": r.do("GET", completionPath, "", auth...),
		"413": r.do("POST", chatPath, strings.Repeat("x", 101), auth...),
		"415": r.do("POST", chatPath, "{}", "Authorization", "Bearer k", "Content-Type", "text/plain"),
		"400": r.do("POST", chatPath, "{}", auth...),
		"200": r.do("GET", "/health", ""),
	} {
		if fmt.Sprint(a.status) != name || a.header.Get("X-Request-Id") == "" {
			t.Errorf("%s: status %d, headers %v", name, a.status, a.header)
		}
	}
}

func TestRequestIDOfTheClientIsKeptWhenWellFormed(t *testing.T) {
	r := start(t, nil)
	for _, c := range []struct {
		id   string
		kept bool
	}{
		{"a", true},
		{"A-b_c.9", true},
		{strings.Repeat("x", 128), true},
		{strings.Repeat("x", 129), false},
		{"two words", false},
		{`"quoted"`, false},
		{"ü", false},
		{"", false},
	} {
		got := r.do("GET", "/health", "", "X-Request-Id", c.id).header.Get("X-Request-Id")
		if (got == c.id) != c.kept || !regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`).MatchString(got) {
			t.Errorf("sent %q, got %q", c.id, got)
		}
	}
}

func TestOversizedBodyIs413(t *testing.T) {
	r := start(t, func(c *config) { c.server.BodyLimit = 1000 })
	big := sayHi(`"user": "` + strings.Repeat("x", 2000) + `"`)
	r.post(chatPath, big).wantError(t, 413, "invalid_request_error", "", "request_too_large")

	req, err := http.NewRequest("POST", r.url+chatPath, io.MultiReader(strings.NewReader(big))) // chunked: no length is told
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	answer{res.StatusCode, res.Header, string(body)}.wantError(t, 413, "invalid_request_error", "", "request_too_large")
}

func TestOtherMediaTypesAre415(t *testing.T) {
	r := start(t, nil)
	r.do("POST", chatPath, sayHi(""), "Content-Type", "text/plain").wantError(t, 415, "invalid_request_error", "", "unsupported_media_type")
}

func TestKeys(t *testing.T) {
	r := start(t, func(c *config) { c.server.Keys = []string{"secret-1", "secret-2"} })
	for _, c := range []struct {
		rule, header string
		status       int
	}{
		{"a key opens", "Bearer secret-1", 200},
		{"so does another", "Bearer secret-2", 200},
		{"the scheme's case doesn't matter", "bearer secret-2", 200},
		{"a wrong key doesn't", "Bearer secret-3", 401},
		{"half a key doesn't", "Bearer secret", 401},
		{"an empty key doesn't", "Bearer ", 401},
		{"no key doesn't", "", 401},
		{"another scheme doesn't", "Basic secret-1", 401},
	} {
		t.Run(c.rule, func(t *testing.T) {
			a := r.do("GET", "/v1/models", "", "Authorization", c.header)
			if c.status == 401 {
				a.wantError(t, 401, "invalid_request_error", "", "invalid_api_key")
			}
			if a.status != c.status || (c.status == 401) != (a.header.Get("WWW-Authenticate") != "") {
				t.Errorf("%d, headers %v", a.status, a.header)
			}
		})
	}
	for _, open := range []string{"/health", "/ready", "/openapi.json", "/docs"} {
		if a := r.do("GET", open, ""); a.status != 200 {
			t.Errorf("%s: %d", open, a.status)
		}
	}
	if strings.Contains(r.log.String(), "secret-") {
		t.Errorf("a key is in the log: %s", r.log)
	}
}

// TestKeysCapTheTier: what is told is what is served.
func TestKeysCapTheTier(t *testing.T) {
	r := start(t, func(c *config) {
		c.server.Keys = []string{"any", "most", "least"}
		c.server.Tiers = map[string]string{"most": "default", "least": "flex"}
	})
	for _, c := range []struct{ key, asked, served string }{
		{"any", "priority", "priority"},
		{"most", "priority", "default"},
		{"most", "auto", "default"},
		{"most", "flex", "flex"},
		{"least", "priority", "flex"},
		{"least", "default", "flex"},
		{"least", "auto", "flex"},
	} {
		body := sayHi(fmt.Sprintf(`"max_tokens": 1, "service_tier": %q`, c.asked))
		a := r.do("POST", chatPath, body, "Authorization", "Bearer "+c.key)
		if want := fmt.Sprintf(`"service_tier":%q`, c.served); a.status != 200 || !strings.Contains(a.body, want) {
			t.Errorf("key %q asks for %s: %d %s, want %s", c.key, c.asked, a.status, a.body, want)
		}
	}
}

func TestOneLogLinePerRequest(t *testing.T) {
	r := start(t, nil)
	r.do("POST", chatPath+"?api_key=private", sayHi(`"max_tokens": 3, "ignore_eos": true`), "X-Request-Id", "id-1")
	r.until("the line is there", func() bool { return r.log.String() != "" })
	var line map[string]any
	if err := json.Unmarshal([]byte(r.log.String()), &line); err != nil {
		t.Fatalf("%v: %s", err, r.log)
	}
	for field, want := range map[string]any{
		"method": "POST", "path": chatPath, "status": 200.0, "request_id": "id-1", "model": "toy",
		"prompt_tokens": 21.0, "cached_tokens": 0.0, "completion_tokens": 3.0, "level": "info",
	} {
		if line[field] != want {
			t.Errorf("%s is %v, want %v", field, line[field], want)
		}
	}
	for _, field := range []string{"duration_ms", "bytes"} {
		if n, ok := line[field].(float64); !ok || n <= 0 {
			t.Errorf("%s is %v", field, line[field])
		}
	}
	if strings.Contains(r.log.String(), "private") {
		t.Errorf("the query is in the log: %s", r.log)
	}
}

func TestPromptsAndAnswersAreLoggedOnlyOnRequest(t *testing.T) {
	for _, asked := range []bool{false, true} {
		r := start(t, func(c *config) { c.server.LogPrompts = asked })
		said := whole(t, r.post(chatPath, `{"model": "toy", "temperature": 0, "max_tokens": 8, "messages": [{"role": "user", "content": "mysecret"}]}`))
		r.post("/v1/completions", `{"model": "toy", "prompt": "othersecret"}`)
		r.until("two requests are logged", func() bool { return strings.Count(r.log.String(), `"status":200`) == 2 })
		for _, text := range []string{"mysecret", "othersecret", said} {
			if strings.Contains(r.log.String(), text) != asked {
				t.Errorf("asked for: %v; log: %s", asked, r.log)
			}
		}
	}
}

func TestASlowBodyTimesOut(t *testing.T) {
	r := start(t, func(c *config) { c.server.ReadTimeout = 50 * time.Millisecond })
	conn := r.dial()
	defer conn.Close()
	send(t, conn, "POST "+chatPath+" HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	got := readAll(t, conn)
	if !strings.HasPrefix(got, "HTTP/1.1 408 ") || !strings.Contains(got, `"code":"request_timeout"`) {
		t.Errorf("got %q", got)
	}
}

func TestSlowHeadersTimeOut(t *testing.T) {
	r := start(t, func(c *config) { c.server.ReadHeaderTimeout = 50 * time.Millisecond })
	conn := r.dial()
	defer conn.Close()
	send(t, conn, "GET /health HTTP/1.1\r\nHost:")
	if got := readAll(t, conn); strings.Contains(got, " 200 ") {
		t.Errorf("got %q", got)
	}
}

func TestTheBodysTimeLimitDoesNotEndTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *config) {
			paced(c)
			c.server.ReadTimeout = 100 * time.Millisecond
		})
		a := r.post(chatPath, sayHi(`"stream": true, "max_tokens": 300, "ignore_eos": true`))
		if !strings.HasSuffix(a.body, "data: [DONE]\n\n") {
			t.Errorf("the stream was cut: %s", a.body)
		}
	})
}

// small makes the kernel keep little for a connection, so that a reader who
// stops is felt soon.
type small struct{ net.Listener }

func (l small) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return c, errors.Join(c.(*net.TCPConn).SetWriteBuffer(4096))
}

func TestAStuckClientHoldsUpNobody(t *testing.T) {
	r := start(t, func(c *config) {
		c.toy = enginetest.Options{}
		c.toy.Shape.Cells = 1 << 16
		c.server.WriteTimeout = time.Second // the other client may be slow
		c.listen = func(l net.Listener) net.Listener { return small{l} }
	})
	conn := r.dial()
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	body := sayHi(`"stream": true, "ignore_eos": true, "logprobs": true, "top_logprobs": 20`)
	send(t, conn, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", chatPath, len(body), body))
	r.until("it runs", func() bool { return r.toy.Load().Steps > 0 })
	if a := r.post(chatPath, sayHi(`"max_tokens": 4`)); a.status != 200 {
		t.Errorf("another client beside it: %d %s", a.status, a.body)
	}
	r.until("it is given up", func() bool { return strings.Contains(r.log.String(), `"status":499`) })
	r.idle()
}

func (r *rig) dial() net.Conn {
	r.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		r.t.Fatal(err)
	}
	return conn
}

func send(t testing.TB, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

func readAll(t testing.TB, conn net.Conn) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := b.ReadFrom(conn); err != nil {
		t.Fatalf("%v after %q", err, b.String())
	}
	return b.String()
}

func TestMalformedHTTPIsRefused(t *testing.T) {
	r := start(t, func(c *config) { c.server.Log = zerolog.Nop() })
	for _, head := range []string{"\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "POST " + chatPath + " HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"} {
		conn := r.dial()
		send(t, conn, head)
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, conn); !strings.HasPrefix(got, "HTTP/1.1 4") && !strings.HasPrefix(got, "HTTP/1.1 505") {
			t.Errorf("%q: %q", head, got)
		}
		conn.Close()
	}
}
