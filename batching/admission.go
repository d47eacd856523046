package batching

import (
	"fmt"
	"math"
	"time"
)

// BusyError refuses a request: the queue is full, or the wait would be too long.
type BusyError struct {
	Waiting int           // requests in the queue
	Wait    time.Duration // who comes back then will most likely be admitted
}

// Error tells both.
func (e *BusyError) Error() string {
	return fmt.Sprintf("batching: busy: %d requests wait, try again in %v", e.Waiting, e.Wait.Round(time.Millisecond))
}

// Submit queues a request. Ids must grow. Errors: *BusyError, ErrTooLong.
func (s *Scheduler) Submit(job Job, now time.Time) error {
	if job.Prompt > s.limits.Cells {
		return ErrTooLong
	}
	if wait := s.gate.judge(s, job, now); wait > 0 {
		return &BusyError{Waiting: len(s.waiting), Wait: wait}
	}
	r := newRequest(job, now)
	r.tenant, r.accept = s.tenants.joins(job.Tenant), s.accept
	if s.drafter != nil {
		r.trust = s.drafter.trust
	}
	s.live[r.id] = r
	s.turns.joins(r.adapter)
	s.enqueue(r)
	return nil
}

// gate decides who is admitted, and remembers what those who were refused have
// been told (promise.go).
type gate struct {
	slots   int     // requests that run at once, as far as seen: cells may allow fewer than Limits.Seqs
	answers float64 // mean tokens that requests generate; 0: none has ended yet
	ends    int     // requests that have ended

	// Of starts while others waited, mean nanoseconds since the start before, and
	// what the forecast made of them. busy is the last such start; zero: nobody waited.
	elapsed, work float64
	busy          time.Time

	lines   map[owner]*line
	returns float64 // part of the promises that somebody came back for
}

// How full the queue may be for a newcomer, in parts of its limits. Places that
// were promised are kept by what others leave: who was promised one finds the
// rest of the queue as a cushion against answers that turn out long.
const (
	whole  = 1.     // who has no promise and little waiting; who was promised a place
	others = 3. / 4 // another tenant was promised places
	own    = 1. / 2 // this one was, so it has newcomers who wait outside
	excess = 1.25   // of MaxWait, for who was promised a place
)

// judge returns 0 for a job that is admitted, or how long it is to stay away.
func (g *gate) judge(s *Scheduler, job Job, now time.Time) time.Duration {
	g.lapse(now)
	f := g.forecaster(s, job)
	f.level = g.level(f, job)
	f.patient = f.level
	expected := g.redeem(job, now)
	if expected {
		f.level, f.patient = g.cushion(job.Class), excess
	}
	if f.admits() {
		return 0
	}
	f.level, f.patient = own, own
	return g.promise(f, job, now, expected)
}

// cushion returns which part of the queue is open to who was promised a place:
// the last quarter is for higher classes, where these were promised any.
func (g *gate) cushion(c Class) float64 {
	for o, l := range g.lines {
		if o.class > c && len(l.promises) > 0 {
			return others
		}
	}
	return whole
}

// level returns which part of the queue is open to a newcomer. Promises to others
// don't count while its tenant has less than half of its share of the queue.
func (g *gate) level(f *forecaster, job Job) float64 {
	level, modest := whole, float64(f.own) < f.share*float64(f.limits.Queue)/2
	for o := range g.lines {
		switch {
		case o.class < job.Class || len(g.lines[o].promises) == 0:
		case o.tenant == job.Tenant:
			return own
		case !modest:
			level = others
		}
	}
	return level
}

// seen hears whether the first in the queue could start beside those that run.
func (g *gate) seen(running, seqs int, starts bool) {
	switch {
	case !starts:
		g.slots = max(1, running)
	case running >= g.slots:
		g.slots = min(seqs, running+1)
	}
}

// started hears that a request starts for the first time, what the forecast says
// that it costs, and whether others still wait.
func (g *gate) started(cost float64, waiting int, now time.Time) {
	switch {
	case g.busy.IsZero():
	case g.work == 0:
		g.work, g.elapsed = cost, cost
	default:
		g.work += (cost - g.work) * steady
		g.elapsed += (float64(now.Sub(g.busy)) - g.elapsed) * steady
	}
	if g.busy = now; waiting == 0 {
		g.busy = time.Time{}
	}
}

// steady is what a start adds to the means of work and time. Answers differ in
// length about as a geometric distribution does, so the mean of the last 2/steady
// is right within a tenth.
const steady = 1. / 64

// pace returns how much longer requests took than the forecast said.
func (g *gate) pace() float64 {
	if g.work == 0 || g.elapsed == 0 {
		return 1
	}
	return g.elapsed / g.work
}

// ended hears how many tokens a request has generated.
func (g *gate) ended(tokens int) {
	g.ends++
	g.answers += (float64(tokens) - g.answers) * max(steady, 1/float64(g.ends))
}

// unknownAnswer is how long an answer without a bound is taken to be before any
// has ended: what chats give on average, and forgotten with the first that ends.
const unknownAnswer = 256

// length returns how many tokens a request will generate that may generate so
// many more; 0: unknown. Bounds are set high, so the mean counts when it is less.
func (g *gate) length(most int) int {
	mean := int(math.Ceil(g.answers))
	if mean == 0 {
		mean = unknownAnswer
		if most > 0 {
			return most
		}
	}
	if most == 0 {
		return mean
	}
	return min(mean, most)
}
