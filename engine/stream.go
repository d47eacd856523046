package engine

import (
	"context"
	"io"
	"sync"
	"time"
)

// Stream delivers one generation. Recv may be called from one goroutine at a
// time, Close from any.
type Stream struct {
	engine  *Engine
	request Request
	since   time.Time
	wake    chan struct{}
	unwatch func() bool

	mu      sync.Mutex
	pending Chunk
	ended   bool
	err     error // why it ended; nil: as it should
	result  Result

	seq *sequence // the loop's side; only the loop touches it
}

func newStream(e *Engine, r Request) *Stream {
	return &Stream{engine: e, request: r, since: time.Now(), wake: make(chan struct{}, 1)}
}

// watch closes the stream when ctx ends.
func (s *Stream) watch(ctx context.Context) { s.unwatch = context.AfterFunc(ctx, s.cancel) }

// Recv waits for text and returns all that came since the last call. After the
// last chunk it returns io.EOF, and Result is set; any other error ended the
// generation. When ctx ends first it returns ctx.Err() and the stream goes on:
// a caller may use a deadline to send a sign of life and call again.
func (s *Stream) Recv(ctx context.Context) (Chunk, error) {
	for {
		if c, err, ok := s.take(); ok {
			return c, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return Chunk{}, ctx.Err()
		}
	}
}

// take returns what is there: a chunk, or the end.
func (s *Stream) take() (Chunk, error, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.pending; c.Tokens > 0 || c.Text != "" {
		s.pending = Chunk{}
		return c, nil, true
	}
	if s.ended && s.err == nil {
		return Chunk{}, io.EOF, true
	}
	return Chunk{}, s.err, s.ended
}

// Result returns how it ended; valid after Recv returned io.EOF.
func (s *Stream) Result() Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.result
}

// Close ends the generation; its rows are free before the next step. A second call does nothing.
func (s *Stream) Close() {
	s.unwatch()
	s.cancel()
}

// cancel tells the loop to forget the request.
func (s *Stream) cancel() {
	s.mu.Lock()
	ended := s.ended
	s.mu.Unlock()
	if !ended {
		s.engine.inbox.put(event{cancel: s})
	}
}

// push adds to what Recv returns next.
func (s *Stream) push(c Chunk) {
	s.mu.Lock()
	s.pending.Text += c.Text
	s.pending.Tokens += c.Tokens
	s.pending.Logprobs = append(s.pending.Logprobs, c.Logprobs...)
	s.pending.Prompt = append(s.pending.Prompt, c.Prompt...)
	s.mu.Unlock()
	s.signal()
}

// end closes the reader's side, once.
func (s *Stream) end(r Result, err error) {
	s.mu.Lock()
	if !s.ended {
		s.ended, s.err, s.result = true, err, r
	}
	s.mu.Unlock()
	s.signal()
}

func (s *Stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
