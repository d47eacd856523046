package batching

import (
	"math"
	"slices"
	"time"
)

// A refusal is a promise: who comes back when it was told to is to be admitted.
// Promises of a tenant in a class stand in a line, as far apart as the tenant's
// share of the machine serves requests of their size; so those who come back
// arrive no faster than others leave, however many were refused. A newcomer
// finds a smaller queue than who was promised a place, so it can't take it, and
// what the promised don't use goes to newcomers: the machine doesn't stand idle
// for who never comes.
//
// A client has no name here beyond its tenant. It is known again by its tenant,
// class, size and Job.Prints, since it sends the same request again.

// owner is whose promises stand in one line. Lines of a tenant share what it has
// of the machine, a class twice as much as the one below.
type owner struct {
	tenant string
	class  Class
}

// line is what an owner was promised.
type line struct {
	promises []promise // by due
	end      time.Time // no other promise is due before
}

// promise is a place in the queue for somebody who was refused.
type promise struct {
	size size
	due  time.Time
}

// size is what a request is known again by.
type size struct {
	prompt, most int
	prints       uint64
}

func (j Job) owner() owner { return owner{j.Tenant, j.Class} }
func (j Job) size() size   { return size{j.Prompt, j.MaxTokens, j.Prints} }

const (
	// patience is how long a promise holds after it is due: times on the wire are
	// whole seconds, and clients add some of their own so as not to come all at
	// once. It may be long, since a promise only keeps newcomers of its own tenant
	// from half of the queue.
	patience = 10 * time.Second
	// promised is how much of the machine is promised at most. The rest is for
	// newcomers, and lets the queue shrink again after long answers. In the
	// simulator, with a queue of 10 at 1.5 to 3 times the load that can be served,
	// 1 % of promises are broken at 0.8, and 5 % (one run in five: 20 %) at 0.9.
	promised = 0.8
	// mostPromises of an owner are remembered. Who is refused beyond them isn't
	// expected: an hour of refusals at one a second.
	mostPromises = 3600
	// fewReturn: where nobody comes back, promises stand so much closer.
	fewReturn = 1. / 8
)

// redeem takes a promise to such a request that is due.
func (g *gate) redeem(job Job, now time.Time) bool {
	l := g.lines[job.owner()]
	if l == nil {
		return false
	}
	for i, p := range l.promises {
		if p.due.After(now) {
			break
		}
		if p.size == job.size() {
			l.promises = slices.Delete(l.promises, i, i+1)
			g.returned(1)
			return true
		}
	}
	return false
}

// lapse drops the promises that nobody came back for.
func (g *gate) lapse(now time.Time) {
	for o, l := range g.lines {
		n := 0
		for n < len(l.promises) && now.Sub(l.promises[n].due) > patience {
			n++
			g.returned(0)
		}
		if l.promises = l.promises[n:]; len(l.promises) == 0 && now.After(l.end) {
			delete(g.lines, o)
		}
	}
}

// returned hears whether a promise was redeemed.
func (g *gate) returned(part float64) {
	g.returns = max(fewReturn, g.returns+(part-g.returns)*steady)
}

// promise returns how long the newcomer is to stay away, and expects it then. Who
// came back and is refused again doesn't stand at the end of the line again.
func (g *gate) promise(f *forecaster, job Job, now time.Time, again bool) time.Duration {
	l := g.lines[job.owner()]
	if l == nil {
		l = &line{}
		g.lines[job.owner()] = l
	}
	due := now.Add(f.away())
	if !again {
		if due = g.beside(f, job, due); l.end.After(due) {
			due = l.end
		}
	}
	if len(l.promises) < mostPromises {
		l.keep(promise{job.size(), due})
		if !again {
			l.end = due.Add(time.Duration(f.cost(f.job) / f.share / g.part(job) / promised * g.returns))
		}
	}
	return due.Sub(now)
}

// beside puts off a place by those that were promised to others until then: the
// first ones of many tenants would meet otherwise.
func (g *gate) beside(f *forecaster, job Job, due time.Time) time.Time {
	n := 0
	for o, l := range g.lines {
		for i := 0; o.class >= job.Class && i < len(l.promises) && l.promises[i].due.Before(due); i++ {
			n++
		}
	}
	return due.Add(time.Duration(float64(n) * f.cost(f.job) / promised))
}

// part returns how much of what the tenant has of the machine the job's line has.
func (g *gate) part(job Job) float64 {
	sum := 0.
	for o := range g.lines {
		if o.tenant == job.Tenant {
			sum += math.Exp2(float64(o.class - job.Class))
		}
	}
	return 1 / sum
}

func (l *line) keep(p promise) {
	i, _ := slices.BinarySearchFunc(l.promises, p, func(a, b promise) int { return a.due.Compare(b.due) })
	l.promises = slices.Insert(l.promises, i, p)
}
