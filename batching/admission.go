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
	forecast, wait := s.gate.judge(s, job, now)
	if wait > 0 {
		return &BusyError{Waiting: len(s.waiting), Wait: wait}
	}
	r := newRequest(job, now)
	r.tenant, r.accept, r.forecast = s.tenants.joins(job.Tenant), s.accept, forecast
	s.live[r.id] = r
	s.waiting = append(s.waiting, r)
	return nil
}

// gate decides who is admitted, and remembers what those who were refused have
// been told: a promise keeps a place from newcomers until it is due, so that
// coming back pays.
type gate struct {
	slots    int     // requests that run at once, as far as seen: cells may allow fewer than Limits.Seqs
	answers  float64 // mean tokens that requests generate; 0: none has ended yet
	drift    float64 // how much longer waits were than predicted; 0: unknown
	promises []promise
}

// promise is a place for somebody who was refused.
type promise struct {
	tenant     string
	place      place
	due, until time.Time
}

// patience is how long a promised place is kept at least after it is due.
const patience = 5 * time.Second

// excess is by how much the predicted wait may be above the bound for somebody
// who was promised a place.
const excess = 1.25

// judge returns the predicted wait of a job that is admitted, or how long it is
// to stay away.
func (g *gate) judge(s *Scheduler, job Job, now time.Time) (forecast, away time.Duration) {
	g.lapse(now)
	f := g.forecaster(s, job)
	forecast = f.newcomer()
	if g.redeem(job.Tenant, now) {
		f.bound *= excess
		if f.away(forecast) == 0 {
			return forecast, 0
		}
	} else if away = f.away(forecast); away == 0 && f.calm(forecast, len(g.promises)) {
		return forecast, 0
	}
	for _, p := range g.promises {
		f.add(p.place)
	}
	away = f.away(f.newcomer())
	if away > 0 {
		g.promise(s, job, now, away)
	}
	return forecast, away
}

// redeem takes a promise to that tenant which is due.
func (g *gate) redeem(tenant string, now time.Time) bool {
	for i, p := range g.promises {
		if p.tenant == tenant && !now.Before(p.due) {
			g.promises = append(g.promises[:i], g.promises[i+1:]...)
			return true
		}
	}
	return false
}

// lapse drops the promises that nobody came back for.
func (g *gate) lapse(now time.Time) {
	kept := g.promises[:0]
	for _, p := range g.promises {
		if !now.After(p.until) {
			kept = append(kept, p)
		}
	}
	g.promises = kept
}

// mostPromises is how many places are kept for each one in the queue. Who is
// refused beyond them isn't expected.
const mostPromises = 64

// promise keeps a place.
func (g *gate) promise(s *Scheduler, job Job, now time.Time, away time.Duration) {
	if len(g.promises) >= mostPromises*s.limits.Queue {
		return
	}
	due := now.Add(away)
	g.promises = append(g.promises, promise{
		tenant: job.Tenant, due: due, until: due.Add(max(patience, away/2)),
		place: place{job.Prompt, g.length(job.MaxTokens)},
	})
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

// started hears that r has waited, and corrects later predictions.
func (g *gate) started(r *request, now time.Time) {
	if r.forecast < time.Second {
		return
	}
	ratio := min(4, max(.25, float64(now.Sub(r.since))/float64(r.forecast)))
	if g.drift == 0 {
		g.drift = 1
	}
	g.drift = min(4, max(.25, g.drift*math.Pow(ratio, believe)))
}

// ended hears how many tokens a request has generated.
func (g *gate) ended(tokens int) {
	if g.answers == 0 {
		g.answers = float64(tokens)
	}
	g.answers += (float64(tokens) - g.answers) * believe
}

// unknownAnswer is how long an answer is taken to be before any has ended.
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
