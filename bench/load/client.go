package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Why a request was given up.
var (
	errLeft    = errors.New("the client left")
	errEnded   = errors.New("the background stream is over")
	errTimeout = errors.New("no whole answer in time")
)

// Client sends requests to one target.
type Client struct {
	target  Target
	timeout time.Duration // of one request, from sending
	http    *http.Client
}

// NewClient prepares a client; transport carries its requests.
func NewClient(t Target, timeout time.Duration, transport http.RoundTripper) *Client {
	return &Client{t, timeout, &http.Client{Transport: transport}}
}

// NewTransport returns one that opens as many connections as there are
// requests, keeps them, and goes through no proxy.
func NewTransport() *http.Transport {
	return &http.Transport{MaxIdleConnsPerHost: 4096, DisableCompression: true, IdleConnTimeout: time.Minute}
}

// Close ends the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// call is one request on its way.
type call struct {
	*Client
	turn   Turn
	start  time.Time // of the phase
	record *Record
	leave  context.CancelCauseFunc
	text   strings.Builder
}

// do sends one turn and fills in the record. The clock of every event stops
// before the event is decoded.
func (c *Client) do(ctx context.Context, start time.Time, history []Message, turn Turn, r *Record) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, errTimeout)
	defer cancel()
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	if turn.Leave.After > 0 {
		timer := time.AfterFunc(turn.Leave.After, func() { leave(errLeft) })
		defer timer.Stop()
	}
	k := &call{Client: c, turn: turn, start: start, record: r, leave: leave}
	r.Sent = time.Since(start)
	err := k.send(ctx, history)
	r.End, r.Text = time.Since(start), k.text.String()
	k.judge(ctx, err)
}

// failure is an error whose kind is known where it arises.
type failure struct {
	kind Kind
	error
}

func (k *call) send(ctx context.Context, history []Message) error {
	body, err := k.target.body(history, k.turn)
	if err != nil {
		return failure{Malformed, err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, k.target.endpoint(), bytes.NewReader(body))
	if err != nil {
		return failure{Connect, err}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header["Idempotency-Key"] = nil // not sent; lets the transport send again when a kept connection was closed meanwhile
	if k.target.Key != "" {
		req.Header.Set("Authorization", "Bearer "+k.target.Key)
	}
	res, err := k.http.Do(req)
	if err != nil {
		return failure{Connect, err}
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return refusal(res)
	}
	return k.read(res.Body)
}

// refusal is an answer with another status than 200.
func refusal(res *http.Response) error {
	said, _ := io.ReadAll(io.LimitReader(res.Body, 512)) // the status is what counts
	err := fmt.Errorf("%s: %s", res.Status, bytes.TrimSpace(said))
	switch {
	case res.StatusCode == http.StatusTooManyRequests:
		return failure{Busy, err}
	case res.StatusCode >= 500:
		return failure{Status5xx, err}
	}
	return failure{Status4xx, err}
}

// read takes the stream to its end.
func (k *call) read(body io.Reader) error {
	for in := newEvents(body); ; {
		data, err := in.next()
		at := time.Since(k.start)
		switch {
		case errors.Is(err, errLongLine):
			return failure{Malformed, err}
		case err != nil:
			return failure{Cut, fmt.Errorf("the stream broke: %w", err)}
		case string(data) == "[DONE]":
			return nil
		}
		if err := k.event(at, data); err != nil {
			return err
		}
	}
}

// event writes down one event.
func (k *call) event(at time.Duration, data []byte) error {
	var c chunk
	if err := json.Unmarshal(data, &c); err != nil {
		return failure{Malformed, fmt.Errorf("an event of %d bytes: %w", len(data), err)}
	}
	if c.Error != nil {
		return failure{ErrorEvent, errors.New(c.Error.Message)}
	}
	if text := c.text(); text != "" {
		k.text.WriteString(text)
		k.record.Events = append(k.record.Events, at)
	}
	for _, choice := range c.Choices {
		if choice.Finish != "" {
			k.record.Finish = choice.Finish
		}
	}
	if c.Usage != nil {
		c.Usage.count(k.record)
	}
	if n := k.turn.Leave.Events; n > 0 && len(k.record.Events) >= n {
		k.leave(errLeft)
		return errLeft
	}
	return nil
}

// judge sets the kind of the end, and whether the task was solved.
func (k *call) judge(ctx context.Context, err error) {
	r := k.record
	r.Kind = kindOf(ctx, err)
	switch {
	case r.Failed():
		r.Detail = err.Error()
	case r.Kind == OK && len(r.Events) == 0:
		r.Kind, r.Detail = Empty, "the stream had no text"
	}
	if k.turn.Check == nil || r.Kind == Left || r.Kind == Ended {
		return
	}
	if r.Task = Failed; r.Kind != OK {
		r.Why = "no whole answer"
	} else if err := k.turn.Check(r.Text); err != nil {
		r.Why = err.Error()
	} else {
		r.Task = Solved
	}
}

// kindOf finds out why a call ended; a context that is over says it best.
func kindOf(ctx context.Context, err error) Kind {
	if err == nil {
		return OK
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errLeft):
		return Left
	case errors.Is(cause, errEnded):
		return Ended
	case errors.Is(cause, errTimeout):
		return Timeout
	}
	if f, ok := errors.AsType[failure](err); ok {
		return f.kind
	}
	return Connect
}
