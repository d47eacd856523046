package batching

import (
	"math"
	"slices"
	"time"
)

// place is a request in a forecast.
type place struct {
	rows    int // of its prompt, to be computed
	outputs int // tokens that it will probably generate
}

// weighted is what it costs its tenant.
func (p place) weighted() float64 {
	return inputWeight*float64(p.rows) + outputWeight*float64(p.outputs)
}

// forecaster plays the queue against the slots: each request takes the slot that
// is free first, its prompt stops the others for as long as it is computed, and
// then it goes along with the step of all.
type forecaster struct {
	limits Limits
	bound  float64 // of the newcomer's wait, nanoseconds; 0: none
	slots  int
	row    float64 // nanoseconds of a prompt row
	step   float64 // nanoseconds of a decode step with all slots in use
	drift  float64
	tokens int // of the newcomer's prompt

	busy    []place // those that run
	ahead   []place // those served before the newcomer
	waiting []place // all that wait, in the order of arrival
}

// forecaster looks at the scheduler as it is now.
func (g *gate) forecaster(s *Scheduler, job Job) *forecaster {
	chunk := (&planner{s: s}).budget()
	f := &forecaster{
		limits: s.limits, bound: float64(s.limits.MaxWait), slots: g.slots, tokens: job.Prompt,
		row:   float64(s.cost(chunk)) / float64(chunk),
		drift: g.drift,
	}
	if len(s.waiting) == 0 {
		f.slots = s.limits.Seqs
	}
	f.step = float64(s.cost(min(f.slots, len(s.running)+len(s.waiting)+1)))
	if f.drift == 0 {
		f.drift = 1
	}
	for _, r := range s.running {
		if r.standing() >= int(job.Class) {
			f.busy = append(f.busy, g.place(r))
		}
	}
	g.queue(s, job, f)
	return f
}

func (g *gate) place(r *request) place {
	rows := r.known - r.prefix.Ready
	if r.runs {
		rows = r.missing()
	}
	most := 0
	if r.maxTokens > 0 {
		most = r.remaining(r.maxTokens)
	}
	return place{rows, g.length(most)}
}

// queue lists who waits. Ahead of the newcomer are higher classes, its tenant's
// own, and of other tenants as much as these will be served meanwhile: fairness
// lets the newcomer pass the rest.
func (g *gate) queue(s *Scheduler, job Job, f *forecaster) {
	own := place{job.Prompt, g.length(job.MaxTokens)}.weighted()
	for _, r := range s.waiting {
		p := g.place(r)
		f.waiting = append(f.waiting, p)
		if r.tenant.name == job.Tenant && r.class == job.Class {
			own += p.weighted()
		}
	}
	share := map[*tenant]float64{}
	for i, r := range s.waiting {
		p, fair := f.waiting[i], own*r.tenant.weight/s.tenants.weight(job.Tenant)
		switch {
		case r.class > job.Class, r.tenant.name == job.Tenant && r.class == job.Class:
			f.ahead = append(f.ahead, p)
		case r.class == job.Class && share[r.tenant] <= fair:
			share[r.tenant] += p.weighted()
			f.ahead = append(f.ahead, p)
		}
	}
}

// add lets one more wait.
func (f *forecaster) add(p place) {
	f.ahead = append(f.ahead, p)
	f.waiting = append(f.waiting, p)
}

// newcomer predicts how long the newcomer waits for its start.
func (f *forecaster) newcomer() time.Duration {
	starts := f.starts(append(slices.Clip(f.ahead), place{}))
	return starts[len(starts)-1]
}

// starts returns when each of the queue would start from now.
func (f *forecaster) starts(queue []place) []time.Duration {
	var rows, steps float64 // computed until then
	ends := make([]float64, 0, f.slots+len(f.busy))
	for _, p := range f.busy {
		rows += float64(p.rows)
		ends = append(ends, float64(p.outputs))
	}
	slices.Sort(ends)
	starts := make([]time.Duration, len(queue))
	for i, p := range queue {
		for len(ends) >= f.slots {
			steps, ends = max(steps, ends[0]), ends[1:]
		}
		starts[i] = time.Duration(f.drift * (rows*f.row + steps*f.step))
		rows += float64(p.rows)
		at, _ := slices.BinarySearch(ends, steps+float64(p.outputs))
		ends = slices.Insert(ends, at, steps+float64(p.outputs))
	}
	return starts
}

// calm tells whether the queue is so short that it can hold a newcomer besides
// those who were promised a place; so many of these count as there would be
// nobody else: a machine must not stand idle for them.
func (f *forecaster) calm(wait time.Duration, promised int) bool {
	short := len(f.waiting)+min(promised, f.limits.Queue/2) < f.limits.Queue
	return short && (promised == 0 || f.bound == 0 || float64(wait) < f.bound/2)
}

// away returns how long the newcomer is to stay away: until the queue has places
// and tokens for it and its wait is below the bound. 0: it can come now.
func (f *forecaster) away(wait time.Duration) time.Duration {
	var until time.Duration
	if f.bound > 0 && float64(wait) > f.bound {
		until = wait - time.Duration(f.bound)
	}
	if n := f.surplus(); n > 0 {
		until = max(until, f.starts(f.waiting)[n-1], 1)
	}
	if until == 0 {
		return 0
	}
	return f.surely(until)
}

// surplus returns how many must leave the queue before the newcomer can join it.
func (f *forecaster) surplus() int {
	n := max(0, len(f.waiting)-f.limits.Queue+1)
	if f.limits.QueueTokens == 0 {
		return n
	}
	tokens := f.tokens
	for _, p := range f.waiting[n:] {
		tokens += p.rows
	}
	for ; n < len(f.waiting) && tokens > f.limits.QueueTokens; n++ {
		tokens -= f.waiting[n].rows
	}
	return n
}

// surely adds what nine of ten waits stay below. The ends of answers come about
// as a Poisson process does, so n of them take 1 + 1.3/sqrt(n) times their mean
// in one of ten cases.
func (f *forecaster) surely(mean time.Duration) time.Duration {
	n := 0
	for _, at := range f.starts(f.waiting) {
		if at <= mean {
			n++
		}
	}
	return time.Duration(float64(mean) * (1 + 1.3/math.Sqrt(max(1, float64(n)))))
}
