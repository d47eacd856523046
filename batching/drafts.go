package batching

import (
	"cmp"
	"slices"
)

// Drafts are guesses of what follows. A step computes them behind the last known
// token; those that the sampler would have chosen stay. How many rows of them
// pay is a matter of what a row costs and of how often guesses came true.
const (
	mostDrafts = 16  // of one request in a step
	firstGuess = 0.5 // chance that a token comes true, before anything is known
	tryAgain   = 64  // steps after which a request that went without gets the first guess again
	ownTrial   = 1. / 8
	allTrials  = 1. / 64
)

// gain is one more draft row: what it adds to the tokens expected of the step.
type gain struct {
	at     int     // index in the plan
	tokens float64 // chance that this row and those before it come true
}

// drafts adds draft rows to the decodes of the plan, as many as make the most
// tokens per time; they never push anybody out.
func (p *planner) drafts() {
	base, decodes := 0, 0
	for _, rows := range p.plan {
		if p.drafting(p.s.live[rows.ID], rows) {
			base += rows.N
			decodes++
		}
	}
	free := min(p.s.most-p.rows, p.outputs, p.room.Cells)
	if decodes == 0 || free <= 0 {
		return
	}
	p.s.gains = p.s.gains[:0]
	least := p.least(base, decodes, free)
	for i, rows := range p.plan {
		if r := p.s.live[rows.ID]; p.drafting(r, rows) {
			p.guess(i, r, least, free)
		}
	}
	p.take(base, decodes, free)
}

// drafting tells whether draft rows may follow these rows of r.
func (p *planner) drafting(r *request, rows Rows) bool { return rows.Last && r.known > r.prompt }

// least returns the chance below which one more row can't pay, whatever the others do.
func (p *planner) least(base, decodes, free int) float64 {
	s := p.s
	now, cheapest := s.cost(p.rows), -1.
	for t := 1; t <= min(free, mostDrafts); t++ {
		if per := float64(s.cost(p.rows+t)-now) / float64(t); cheapest < 0 || per < cheapest {
			cheapest = per
		}
	}
	return cheapest * float64(decodes) / max(1, float64(s.cost(base)))
}

// guess lists what each draft row of r would add, where it may pay at all.
func (p *planner) guess(at int, r *request, least float64, free int) {
	if r.quiet >= tryAgain {
		r.quiet, r.accept = 0, max(r.accept, firstGuess)
	}
	r.quiet++
	if r.accept <= least {
		return
	}
	most := min(mostDrafts, free, r.remaining(mostDrafts+1)-1, p.s.limits.Cells-r.known-1)
	if most <= 0 {
		return
	}
	chance := 1.
	for range p.s.fx.Propose(r.id, most) {
		chance *= r.accept
		if chance <= least {
			return
		}
		p.s.gains = append(p.s.gains, gain{at, chance})
	}
}

// take adds the best of the rows listed: those with which the decodes give the
// most tokens per time. Prompt rows of the same step count as paid for.
func (p *planner) take(base, decodes, free int) {
	s := p.s
	slices.SortStableFunc(s.gains, func(a, b gain) int { return cmp.Compare(b.tokens, a.tokens) })
	tokens, alone, now := float64(decodes), s.cost(base), s.cost(p.rows)
	best, rate := 0, tokens/float64(alone)
	for i, g := range s.gains[:min(free, len(s.gains))] {
		tokens += g.tokens
		if r := tokens / float64(alone+s.cost(p.rows+i+1)-now); r >= rate {
			best, rate = i+1, r
		}
	}
	for _, g := range s.gains[:best] {
		p.addDraft(&p.plan[g.at])
	}
}

func (p *planner) addDraft(rows *Rows) {
	rows.N++
	rows.Draft++
	p.rows++
	p.room.Cells--
	p.outputs--
	p.s.live[rows.ID].quiet = 0
}

// learn hears how many of so many draft rows came true. Those behind the first
// that didn't were not tried.
func (s *Scheduler) learn(r *request, drafted, kept int) {
	for range min(kept, drafted) {
		r.accept += (1 - r.accept) * ownTrial
		s.accept += (1 - s.accept) * allTrials
	}
	if kept < drafted {
		r.accept -= r.accept * ownTrial
		s.accept -= s.accept * allTrials
	}
}
