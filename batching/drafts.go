package batching

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"sort"
	"time"
)

// Drafts are guesses of what follows. A step computes them behind the last known
// token; those that the sampler would have chosen stay. How many rows of them
// pay is a matter of what a row costs and of how often guesses came true.
const (
	mostDrafts = 48 // of one request in a step: behind 48 that come true at 0.98 the next does at 0.37
	// tryAgain: steps after which a request that went without gets the first guess
	// again. A wasted trial costs at most a step, so 1/64 of the time.
	tryAgain = 64
	// A trial counts for as much as seven before it of the same request, which is
	// copying or isn't for some tens of tokens, and as 63 of all requests.
	ownTrial  = 1. / 8
	allTrials = 1. / 64
)

// chances are how often a draft token comes true, by how many tokens before it
// agree with where it comes from: 0, 1, 2-3, 4-7, 8-15, 16-31, 32 and more.
type chances [7]float64

// firstGuess is what is believed before anything is known: copied text goes on,
// a pair of words says little.
var firstGuess = chances{0.2, 0.3, 0.5, 0.75, 0.9, 0.95, 0.98}

// of returns the place of the chance behind so many tokens of agreement.
func (chances) of(agree int) int { return min(bits.Len(uint(agree)), len(firstGuess)-1) }

// gain is one more draft row: what it adds to the tokens expected of the step.
type gain struct {
	at     int     // index in the plan
	tokens float64 // chance that this row and those before it come true
	drawn  bool    // the draft model guessed it
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
	free := min(p.s.most-p.rows, p.outputs, p.room.Cells, p.draftRoom(decodes))
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
	p.draw(base, decodes, free, least)
	p.take(base, decodes, free)
}

// draftRoom returns how many rows drafts may add to those of the decodes: where
// prompts wait only those that fill up the kernels' last pass, else as many as add
// at most Limits.Step, and twice that to a lone decode, which delays nobody.
func (p *planner) draftRoom(decodes int) int {
	s := p.s
	if p.prompting {
		align := s.limits.Align
		return (align - p.rows%align) % align
	}
	if s.limits.Step == 0 {
		return s.most
	}
	allowed := s.cost(p.rows, p.scores()) + s.limits.Step
	if decodes == 1 {
		allowed += s.limits.Step
	}
	return sort.Search(s.most, func(i int) bool { return p.costWith(i+1) > allowed })
}

// scores returns how many rows of the plan give scores.
func (p *planner) scores() int { return p.s.limits.Outputs - p.outputs }

// costWith predicts the step with so many drafts more.
func (p *planner) costWith(drafts int) time.Duration {
	return p.s.cost(p.rows+drafts, p.scores()+drafts)
}

// drafting tells whether draft rows may follow these rows of r.
func (p *planner) drafting(r *request, rows Rows) bool { return rows.Last && r.known > r.prompt }

// least returns the chance below which one more row can't pay, whatever the others do.
func (p *planner) least(base, decodes, free int) float64 {
	now, cheapest := p.costWith(0), math.Inf(1)
	for t := 1; t <= min(free, mostDrafts); t++ {
		cheapest = min(cheapest, float64(p.costWith(t)-now)/float64(t))
	}
	return cheapest * float64(decodes) / max(1, float64(p.s.cost(base, decodes)))
}

// guess lists what each draft row of r would add, where it may pay at all.
func (p *planner) guess(at int, r *request, least float64, free int) {
	if r.quiet >= tryAgain {
		r.quiet = 0
		for i, first := range firstGuess {
			r.accept[i] = max(r.accept[i], first)
		}
	}
	r.quiet++
	if slices.Max(r.accept[:]) <= least {
		return
	}
	most := p.mostFor(r, free)
	if most <= 0 {
		return
	}
	n, agree := p.s.fx.Propose(r.id, most)
	r.agree = agree
	chance := 1.
	for i := range n {
		chance *= r.accept[r.accept.of(agree+i)]
		if chance <= least {
			return
		}
		p.s.gains = append(p.s.gains, gain{at: at, tokens: chance})
	}
}

// mostFor returns how many drafts r may have in the step.
func (p *planner) mostFor(r *request, free int) int {
	return min(mostDrafts, free, r.remaining(mostDrafts+1)-1, p.s.limits.Cells-r.known-1)
}

// forgo takes the gains of a request from the list.
func (p *planner) forgo(at int) {
	p.s.gains = slices.DeleteFunc(p.s.gains, func(g gain) bool { return g.at == at })
}

// take adds the best of the rows listed: those with which the decodes give the
// most tokens per time. Prompt rows of the same step count as paid for.
func (p *planner) take(base, decodes, free int) {
	s := p.s
	slices.SortStableFunc(s.gains, func(a, b gain) int { return cmp.Compare(b.tokens, a.tokens) })
	tokens, alone, now := float64(decodes), s.cost(base, decodes), p.costWith(0)
	best, rate := 0, tokens/float64(alone)
	for i, g := range s.gains[:min(free, len(s.gains))] {
		tokens += g.tokens
		if r := tokens / float64(alone+p.costWith(i+1)-now); r >= rate {
			best, rate = i+1, r
		}
	}
	for _, g := range s.gains[:best] {
		p.addDraft(&p.plan[g.at], g.drawn)
	}
}

func (p *planner) addDraft(rows *Rows, drawn bool) {
	rows.N++
	rows.Draft++
	rows.Drawn = drawn
	p.rows++
	p.room.Cells--
	p.outputs--
	if !drawn {
		p.s.live[rows.ID].quiet = 0
	}
}

// learn hears how many of so many draft rows came true. Those behind the first
// that didn't were not tried.
func (s *Scheduler) learn(r *request, drafted, kept int) {
	if r.drawn {
		s.learnDrawn(r, drafted, kept)
		return
	}
	s.learnDrawn(r, 0, 0)
	for i := range min(kept+1, drafted) {
		came := 0.
		if i < kept {
			came = 1
		}
		c := r.accept.of(r.agree + i)
		r.accept[c] += (came - r.accept[c]) * ownTrial
		s.accept[c] += (came - s.accept[c]) * allTrials
	}
}
