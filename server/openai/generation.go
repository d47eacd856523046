package openai

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/models"
)

// errIdle says that nothing came for a while.
var errIdle = errors.New("nothing came")

// event is what happened to one choice.
type event struct {
	choice int
	chunk  engine.Chunk
	result *engine.Result // set when the choice has ended well; chunk is then empty
	err    error          // it failed, and with it the whole answer
}

// admitted tells whether the event says that every choice is in the queue.
func (e event) admitted() bool { return e.choice < 0 }

// generation runs the choices of one answer side by side. One goroutine calls
// next; stop ends what still runs and waits for it.
type generation struct {
	ctx     context.Context
	cancel  context.CancelFunc
	events  chan event
	running int // choices that have not ended
	workers sync.WaitGroup
}

// generate submits one request per choice. Nothing comes until all are admitted;
// then the first event says so.
func generate(ctx context.Context, m models.Model, reqs []engine.Request) *generation {
	ctx, cancel := context.WithCancel(ctx)
	g := &generation{ctx: ctx, cancel: cancel, events: make(chan event), running: len(reqs)}
	g.workers.Go(func() { g.guard(func() { g.run(m, reqs) }) })
	return g
}

// stop ends the choices that still run. A second call does nothing.
func (g *generation) stop() {
	g.cancel()
	g.workers.Wait()
}

// next waits for an event; wait is how long, 0 for ever. Errors: errIdle after
// that time, why the context ended, or what ended a choice.
func (g *generation) next(wait time.Duration) (event, error) {
	var idle <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		idle = timer.C
	}
	select {
	case ev := <-g.events:
		if ev.result != nil {
			g.running--
		}
		return ev, g.cause(ev.err)
	case <-idle:
		return event{}, errIdle
	case <-g.ctx.Done():
		return event{}, context.Cause(g.ctx)
	}
}

// cause says why the context ended where that is all that an error says.
func (g *generation) cause(err error) error {
	if err != nil && g.ctx.Err() != nil {
		return context.Cause(g.ctx)
	}
	return err
}

// run submits the choices together, so that they share the steps of the prompt
// and the first is the one that finds a kept prefix, and follows each.
func (g *generation) run(m models.Model, reqs []engine.Request) {
	streams, err := m.SubmitAll(g.ctx, reqs)
	if err != nil {
		g.send(event{err: err})
		return
	}
	g.send(event{choice: -1})
	for i, s := range streams {
		g.workers.Go(func() { g.guard(func() { g.follow(i, s) }) })
	}
}

// follow turns what a stream delivers into events. While an event waits to be
// taken the stream gathers, so that a slow client never holds up the engine.
func (g *generation) follow(choice int, s *engine.Stream) {
	defer s.Close()
	for {
		chunk, err := s.Recv(g.ctx)
		switch {
		case errors.Is(err, io.EOF):
			result := s.Result()
			g.send(event{choice: choice, result: &result})
			return
		case err != nil:
			g.send(event{choice: choice, err: err})
			return
		}
		if !g.send(event{choice: choice, chunk: chunk}) {
			return
		}
	}
}

// send hands an event to next; it returns false when nobody takes it any more.
func (g *generation) send(ev event) bool {
	select {
	case g.events <- ev:
		return true
	case <-g.ctx.Done():
		return false
	}
}

// guard turns a panic into a failed answer: it must not end the process.
func (g *generation) guard(f func()) {
	defer func() {
		if p := recover(); p != nil {
			g.send(event{err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())})
		}
	}()
	f()
}
