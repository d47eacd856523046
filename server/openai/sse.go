package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

const mimeEventStream = "text/event-stream"

// sse writes a stream of events. The first thing written opens it; until then an
// error can still be answered with its own status.
type sse struct {
	w    *echo.Response
	last time.Time // when something was written
}

// quiet returns how long nothing may be written when every is the longest
// silence allowed; 0 stands for ever.
func (s *sse) quiet(every time.Duration) time.Duration {
	if every <= 0 {
		return 0
	}
	return max(1, time.Until(s.last.Add(every)))
}

// data writes one event and sends it off.
func (s *sse) data(v any) error { return s.event("", v) }

// event writes one event by its name, and sends it off; "": it has none.
func (s *sse) event(name string, v any) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	line := []byte("data: ")
	if name != "" {
		line = []byte("event: " + name + "\ndata: ")
	}
	return s.write(append(append(line, b...), "\n\n"...))
}

// comment writes a line that clients skip: a sign of life.
func (s *sse) comment(text string) error { return s.write([]byte(": " + text + "\n\n")) }

// done writes the mark that ends a whole stream.
func (s *sse) done() error { return s.write([]byte("data: [DONE]\n\n")) }

func (s *sse) write(b []byte) error {
	s.open()
	if _, err := s.w.Write(b); err != nil {
		return gone(err)
	}
	if err := http.NewResponseController(s.w).Flush(); err != nil {
		return gone(err)
	}
	s.last = time.Now()
	return nil
}

// ErrGone says that the client took no more of the answer: it left, or it stopped reading.
var ErrGone = errors.New("the client is gone")

func gone(err error) error { return fmt.Errorf("%w: %w", ErrGone, err) }

// open sends the headers; X-Accel-Buffering keeps proxies from holding events back.
func (s *sse) open() {
	if s.w.Committed {
		return
	}
	h := s.w.Header()
	h.Set(echo.HeaderContentType, mimeEventStream)
	h.Set(echo.HeaderCacheControl, "no-cache")
	h.Set("X-Accel-Buffering", "no")
	s.w.WriteHeader(http.StatusOK)
}

// encode writes JSON as it is meant to be read: no HTML escapes, no newline at the end.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding an answer: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// streamFailure is where a stream with a way of its own to tell a failure, as a
// func(*Error) error, leaves it in the context.
const streamFailure = "stream failure"

// Write answers with an error: as JSON with its status, or, once a stream has
// begun, as its last event. After anything else there is nothing left to say.
func (e *Error) Write(c echo.Context) error {
	w, name, body := c.Response(), "", any(e)
	if speaksMessages(c.Request()) {
		name, body = "error", newMessagesError(e, c)
		tellRequest(c)
	}
	if tell, ok := c.Get(streamFailure).(func(*Error) error); ok && w.Committed {
		return tell(e)
	}
	if w.Committed {
		if strings.HasPrefix(w.Header().Get(echo.HeaderContentType), mimeEventStream) {
			return (&sse{w: w}).event(name, body)
		}
		return nil
	}
	if e.RetryAfter > 0 {
		w.Header().Set(echo.HeaderRetryAfter, seconds(e.RetryAfter))
	}
	return reply(c, e.Status, body)
}

// reply answers with JSON.
func reply(c echo.Context, status int, v any) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	if err := c.Blob(status, echo.MIMEApplicationJSON, append(b, '\n')); err != nil {
		return gone(err)
	}
	return nil
}
