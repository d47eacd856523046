package engine

import (
	"context"
	"sync"

	"github.com/moltbot/moltbot/engine/blobs"
)

// event is what the loop hears; exactly one field is set.
type event struct {
	submit  *submission
	cancel  *Stream
	spilled *blobs.Spilled // a blob's way to disk has ended
	flush   chan struct{}  // write to disk what is worth it; closed when that has begun
	drain   bool           // take nothing new, end when all have ended
	stop    bool           // end all now
}

// submission is one or more requests that are admitted together.
type submission struct {
	streams []*Stream
	verdict chan error // one
}

// wait returns the verdict. From now on the end of ctx cancels the requests.
func (s *submission) wait(ctx context.Context, e *Engine) error {
	for _, stream := range s.streams {
		stream.watch(ctx)
	}
	select {
	case err := <-s.verdict:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-e.done:
	}
	select {
	case err := <-s.verdict:
		return err
	default: // the loop broke before it came to these
		return e.why()
	}
}

func (s *submission) close() {
	for _, stream := range s.streams {
		stream.Close()
	}
}

// inbox is where other goroutines leave events for the loop.
type inbox struct {
	mu     sync.Mutex
	events []event
	closed bool
	wake   chan struct{} // holds one token when events are there
}

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

// put returns false when nobody will read the event any more.
func (b *inbox) put(ev event) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.events = append(b.events, ev)
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return true
}

// drain takes all events.
func (b *inbox) drain() []event {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events = nil
	return events
}

// close refuses events from now on and returns those that nobody has read.
func (b *inbox) close() []event {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return b.events
}
