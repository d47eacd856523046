package server_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/moltbot/moltbot/engine"
)

// slow makes steps take a moment, so that a request runs while a test looks.
func slow(c *config) {
	c.toy.Before = func(int, []engine.Row) error { time.Sleep(time.Millisecond); return nil }
}

// begun opens a stream and waits for its first event.
func (r *rig) begun(ctx context.Context, more string) (*bufio.Reader, io.Closer) {
	r.t.Helper()
	res := r.open(ctx, chatPath, sayHi(`"stream": true, "ignore_eos": true`+more))
	body := bufio.NewReader(res.Body)
	for {
		line, err := body.ReadString('\n')
		if err != nil {
			r.t.Fatal(err)
		}
		if strings.HasPrefix(line, "data: ") {
			return body, res.Body
		}
	}
}

func TestShutdownLetsRunningRequestsFinish(t *testing.T) {
	asking, asked := context.WithCancel(t.Context())
	defer asked()
	r := start(t, func(c *config) {
		c.toy.Before = func(step int, _ []engine.Row) error {
			if step > 4 { // it goes on until all is asked below
				<-asking.Done()
			}
			return nil
		}
	})
	body, closer := r.begun(t.Context(), `, "max_tokens": 200`)
	defer closer.Close()
	ended := make(chan error, 1)
	go func() { ended <- r.server.Shutdown(context.Background()) }()
	r.until("the server is not ready", func() bool { return r.do("GET", "/ready", "").status == 503 })

	a := r.post(chatPath, sayHi(""))
	a.wantError(t, 503, "server_error", "", "shutting_down")
	if a.header.Get("Retry-After") == "" {
		t.Errorf("headers: %v", a.header)
	}
	if a := r.do("GET", "/health", ""); a.status != 200 {
		t.Errorf("health while draining: %d", a.status)
	}
	asked()
	rest, err := io.ReadAll(body)
	if err != nil || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
		t.Errorf("the running stream ended with %q, %v", rest, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

func TestShutdownCutsOffWithAnError(t *testing.T) {
	r := start(t, slow)
	body, closer := r.begun(t.Context(), "")
	defer closer.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
	rest, err := io.ReadAll(body)
	if err != nil {
		t.Errorf("the stream was cut: %v", err)
	}
	data := events(string(rest))
	wantErrorBody(t, data[len(data)-1], "server_error", "", "shutting_down")
	r.idle()
}

func TestNotReady(t *testing.T) {
	r := start(t, func(c *config) { c.server.Ready = func() error { return errors.New("the model is loading") } })
	r.do("GET", "/ready", "").wantError(t, 503, "server_error", "", "not_ready")
	r.post(chatPath, sayHi("")).wantError(t, 503, "server_error", "", "not_ready")
	if a := r.do("GET", "/health", ""); a.status != 200 {
		t.Errorf("health: %d", a.status)
	}
}

func TestAClientThatLeavesFreesItsRows(t *testing.T) {
	r := start(t, slow)
	for _, more := range []string{"", `, "n": 4`} {
		ctx, cancel := context.WithCancel(t.Context())
		_, closer := r.begun(ctx, more)
		r.until("it runs", func() bool { return r.toy.Load().Running > 0 })
		cancel()
		r.idle()
		closer.Close()
	}
	r.until("the log tells", func() bool { return strings.Count(r.log.String(), `"status":499`) == 2 })
}

func TestAClientThatLeavesDuringPrefillIsNoticed(t *testing.T) {
	stepping, release := make(chan struct{}), make(chan struct{})
	r := start(t, func(c *config) {
		c.toy.Shape.Rows = 16
		c.toy.Before = func(step int, _ []engine.Row) error {
			if step == 2 { // of the many that the prompt needs
				close(stepping)
				<-release
			}
			return nil
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	res := r.open(ctx, chatPath, `{"model": "toy", "stream": true, "messages": [{"role": "user", "content": "`+strings.Repeat("x", 1000)+`"}]}`)
	<-stepping
	cancel()
	res.Body.Close()
	r.until("the server noticed", func() bool { return strings.Contains(r.log.String(), `"status":499`) })
	close(release)
	r.idle()
	if steps, _ := r.toy.Toy.Steps(); steps > 3 {
		t.Errorf("%d steps were computed for nobody", steps)
	}
}

func TestAClientThatLeavesBeforeAWholeAnswerFreesItsRows(t *testing.T) {
	r := start(t, slow)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.leave(ctx, sayHi(`"ignore_eos": true`))
	}()
	r.until("it runs", func() bool { return r.toy.Load().Running == 1 })
	cancel()
	<-ended
	r.idle()
}

func Test200CancelledStreamsLeaveNothing(t *testing.T) {
	r := start(t, slow)
	const at = 20 // at once
	for range 200 / at {
		done := make(chan struct{}, at)
		for range at {
			go func() {
				defer func() { done <- struct{}{} }()
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
				defer cancel()
				r.leave(ctx, sayHi(`"stream": true, "ignore_eos": true, "n": 2`))
			}()
		}
		for range at {
			<-done
		}
	}
	r.idle() // and TestMain sees whether goroutines are left
}

// leave sends a request and reads until ctx ends.
func (r *rig) leave(ctx context.Context, body string) {
	res, err := r.tryOpen(ctx, chatPath, body)
	if err != nil {
		return
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err == nil && res.StatusCode == 200 {
		r.t.Error("the answer ended before the client left")
	}
}
