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
	slots  int
	row    float64 // nanoseconds of a prompt row
	step   float64 // nanoseconds of a decode step with all slots in use
	job    place   // the newcomer
	weight float64 // of its tenant
	share  float64 // of the machine that its tenant has

	busy    []place // those that run
	ahead   []place // those served before the newcomer
	waiting []place // all that wait, in the order of arrival
	own     int     // of these, the newcomer's tenant's
	tokens  int     // of these, prompt rows of the newcomer's tenant

	level   float64 // part of the queue that is open to the newcomer
	patient float64 // part of MaxWait that it may have to wait
}

// forecaster looks at the scheduler as it is now.
func (g *gate) forecaster(s *Scheduler, job Job) *forecaster {
	f := g.prices(s)
	f.job, f.weight = place{job.Prompt, g.length(job.MaxTokens)}, s.tenants.weight(job.Tenant)
	f.share = f.weight / g.weights(s, job.Tenant)
	if len(s.waiting) == 0 {
		f.slots = s.limits.Seqs
	}
	for _, r := range s.running {
		if r.standing() >= int(job.Class) {
			f.busy = append(f.busy, g.place(r))
		}
	}
	g.queue(s, job, f)
	return f
}

// prices returns a forecaster that knows what rows cost and nobody yet.
func (g *gate) prices(s *Scheduler) *forecaster {
	chunk := (&planner{s: s}).budget()
	decodes := min(g.slots, len(s.running)+len(s.waiting)+1)
	return &forecaster{
		limits: s.limits, slots: g.slots,
		row:  float64(s.cost(chunk, 1)) / float64(chunk) * g.pace(),
		step: float64(s.cost(decodes, decodes)) * g.pace(),
	}
}

// cost returns the nanoseconds of the machine that a request takes.
func (f *forecaster) cost(p place) float64 {
	return float64(p.rows)*f.row + float64(p.outputs)*f.step/float64(f.slots)
}

// weights adds up the tenants that have requests or promises, and this one.
func (g *gate) weights(s *Scheduler, tenant string) float64 {
	sum, counted := s.tenants.weight(tenant), map[string]bool{tenant: true}
	for name, t := range s.tenants.of {
		if len(t.queue)+t.running > 0 && !counted[name] {
			counted[name], sum = true, sum+t.weight
		}
	}
	for o := range g.lines {
		if !counted[o.tenant] {
			counted[o.tenant], sum = true, sum+s.tenants.weight(o.tenant)
		}
	}
	return sum
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
	own := f.job.weighted()
	for _, r := range s.waiting {
		p := g.place(r)
		f.waiting = append(f.waiting, p)
		if r.tenant.name != job.Tenant {
			continue
		}
		if f.own, f.tokens = f.own+1, f.tokens+p.rows; r.class == job.Class {
			own += p.weighted()
		}
	}
	share := map[*tenant]float64{}
	for i, r := range s.waiting {
		p, fair := f.waiting[i], own*r.tenant.weight/f.weight
		switch {
		case r.class > job.Class, r.tenant.name == job.Tenant && r.class == job.Class:
			f.ahead = append(f.ahead, p)
		case r.class == job.Class && share[r.tenant] <= fair:
			share[r.tenant] += p.weighted()
			f.ahead = append(f.ahead, p)
		}
	}
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
		starts[i] = time.Duration(rows*f.row + steps*f.step)
		rows += float64(p.rows)
		at, _ := slices.BinarySearch(ends, steps+float64(p.outputs))
		ends = slices.Insert(ends, at, steps+float64(p.outputs))
	}
	return starts
}

// crowd: a tenant may have so many times the places that are left empty, times
// its weight. So one alone has 8/9 of the queue, and another that comes finds a
// place; two have 8/17 each. Source: Choudhury and Hahne, Dynamic Queue Length
// Thresholds for Shared-Memory Packet Switches, IEEE/ACM ToN 1998.
const crowd = 8

// admits tells whether the newcomer fits into the queue as far as it is open to
// it, and would not wait too long.
func (f *forecaster) admits() bool { return f.surplus() == 0 && f.late() <= 0 }

// late returns by how much the newcomer's wait is above what it may be.
func (f *forecaster) late() time.Duration {
	if f.limits.MaxWait == 0 {
		return 0
	}
	return f.newcomer() - time.Duration(f.patient*float64(f.limits.MaxWait))
}

// away returns how long it takes until the newcomer fits.
func (f *forecaster) away() time.Duration {
	until := max(f.late(), 1)
	if n := f.surplus(); n > 0 {
		until = max(until, f.starts(f.waiting)[n-1])
	}
	return f.surely(until)
}

// surplus returns how many must leave the queue before the newcomer can join it.
func (f *forecaster) surplus() int {
	places := math.Ceil(f.level * float64(f.limits.Queue))
	n := max(0, len(f.waiting)+1-int(math.Ceil(places-float64(f.own)/(crowd*f.weight))))
	n = min(n, len(f.waiting))
	if f.limits.QueueTokens == 0 {
		return n
	}
	left := f.level*float64(f.limits.QueueTokens) - float64(f.tokens)/(crowd*f.weight) - float64(f.job.rows)
	for _, p := range f.waiting[n:] {
		left -= float64(p.rows)
	}
	for ; n < len(f.waiting) && left < 0; n++ {
		left += float64(f.waiting[n].rows)
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
