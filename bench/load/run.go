package load

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// restAfterFailure keeps a client of the closed loop from asking a dead server thousands of times a second.
const restAfterFailure = 100 * time.Millisecond

// Run plays a phase and returns its records in the order in which they ended,
// and how long the foreground took. seen hears of each record at once, from many
// goroutines; nil is fine. Errors: ctx's, when it ended the phase early.
func (c *Client) Run(ctx context.Context, p Phase, seen func(Record)) ([]Record, time.Duration, error) {
	play := &player{Client: c, start: time.Now(), seen: seen}
	behind, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var front, back sync.WaitGroup
	for i, s := range p.Streams {
		run := func(ctx context.Context) { play.stream(ctx, newQueue(i, s, play.start)) }
		if s.Background {
			back.Go(func() { run(behind) })
		} else {
			front.Go(func() { run(ctx) })
		}
	}
	front.Wait()
	took := time.Since(play.start)
	stop(errEnded)
	back.Wait()
	return play.records, took, ctx.Err()
}

// player is a phase that runs.
type player struct {
	*Client
	start time.Time
	seen  func(Record)

	mu      sync.Mutex
	records []Record
}

func (p *player) stream(ctx context.Context, q *queue) {
	if q.stream.Rate > 0 {
		p.open(ctx, q)
	} else {
		p.closed(ctx, q)
	}
}

// closed lets each client take the next session when it has nothing to do.
func (p *player) closed(ctx context.Context, q *queue) {
	var clients sync.WaitGroup
	for range q.stream.Clients {
		clients.Go(func() {
			for v := q.next(); v != nil && ctx.Err() == nil; v = q.next() {
				p.visit(ctx, q, v)
			}
		})
	}
	clients.Wait()
}

// visit plays a session to its end, or one turn of it when sessions interleave.
func (p *player) visit(ctx context.Context, q *queue, v *visit) {
	for v.more() && ctx.Err() == nil {
		if failed := p.turn(ctx, v, time.Since(p.start)); failed {
			p.wait(ctx, time.Since(p.start)+restAfterFailure)
		}
		if q.stream.Interleave {
			q.back(v)
			return
		}
	}
}

// open starts sessions at their times, however many are still running.
func (p *player) open(ctx context.Context, q *queue) {
	var running sync.WaitGroup
	defer running.Wait()
	rng := rand.New(rand.NewPCG(q.stream.Seed, 0))
	due := time.Duration(0)
	for {
		due += time.Duration(rng.ExpFloat64() / q.stream.Rate * float64(time.Second))
		if q.stream.For > 0 && due > q.stream.For || !p.wait(ctx, due) {
			return
		}
		v := q.next()
		if v == nil {
			return
		}
		at := due // the loop goes on
		running.Go(func() { p.visitFrom(ctx, v, at) })
	}
}

// visitFrom plays a session whose first turn is due at a time, each later one when the last is over.
func (p *player) visitFrom(ctx context.Context, v *visit, due time.Duration) {
	for v.more() && ctx.Err() == nil {
		p.turn(ctx, v, due)
		due = time.Since(p.start)
	}
}

// wait sleeps until a time of the phase; false: ctx was over first.
func (p *player) wait(ctx context.Context, due time.Duration) bool {
	timer := time.NewTimer(time.Until(p.start.Add(due)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// turn sends the next request of a session that was due at a time, and tells whether it failed.
func (p *player) turn(ctx context.Context, v *visit, due time.Duration) (failed bool) {
	turn := v.session.Turns[v.turn]
	v.history = append(v.history, turn.Add...)
	r := Record{Class: turn.Class, Session: v.number, Turn: v.turn, Intended: due}
	p.do(ctx, p.start, v.history, turn, &r)
	v.answered(r)
	p.mu.Lock()
	p.records = append(p.records, r)
	p.mu.Unlock()
	if p.seen != nil {
		p.seen(r)
	}
	return r.Failed()
}
