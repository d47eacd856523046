package batching

import "math"

// worthWaiting is how many tokens a request must be spared to wait for the
// running one that is about to compute them. A wait costs one step at least,
// and a fork; fewer rows than that are computed along with the rest of the
// prompt, in two passes of the kernels at most.
const worthWaiting = 8

// looksPerStep bounds how many answers of Effects.Look a step may ask for: each
// walks a tree. Answers of earlier steps order the rest of the queue, and nobody
// starts on an old one.
const looksPerStep = 32

// follows tells whether waiting r is to be passed over, since a running request
// is about to compute what r needs (single flight). It ends when the leader has
// come that far, was paused, or is gone.
func (r *request) follows() bool {
	l := r.leader
	return l != nil && l.runs && r.prefix.Coming-r.prefix.Ready >= worthWaiting &&
		l.computed < r.prefix.Coming && r.prefix.Coming <= l.known
}

// look asks what is computed of waiting r, once an epoch.
func (s *Scheduler) look(r *request) {
	if r.looked == s.epoch {
		return
	}
	r.prefix, r.looked, r.leader, r.tenant.ranked = s.fx.Look(r.id), s.epoch, nil, 0
	if r.prefix.Coming > r.prefix.Ready {
		r.leader = s.live[r.prefix.Leader]
	}
}

// survey looks at some waiting requests, in turn, and tells leaders who follows
// them: where they leave and how urgent they are.
func (p *planner) survey() {
	for _, r := range p.s.running {
		r.fork, r.boost = 0, nobody
	}
	p.lookAround()
	for _, r := range p.s.waiting {
		if r.follows() {
			p.lead(r)
		}
	}
}

// nobody is the urgency of followers where there are none.
const nobody = math.MinInt

// lookAround asks for new answers where it left off in the last step.
func (p *planner) lookAround() {
	s := p.s
	for n := min(looksPerStep, len(s.waiting)); n > 0; n-- {
		s.around = (s.around + 1) % len(s.waiting)
		if r := s.waiting[s.around]; !r.follows() {
			s.look(r)
		}
	}
}

// lead makes the leader of r go as far as r needs, as urgently.
func (p *planner) lead(r *request) {
	l := r.leader
	l.boost = max(l.boost, p.level(r))
	if f := r.prefix.Coming; l.fork == 0 || f < l.fork {
		l.fork = f
	}
}

// candidate returns the waiting request that starts next, seen as it is now. It
// gives up for this step when too many turn out to follow somebody.
func (p *planner) candidate() *request {
	for ; p.looks > 0; p.looks-- {
		r := p.head()
		if r == nil {
			return nil
		}
		p.s.look(r)
		if !r.follows() {
			return r
		}
		p.lead(r)
	}
	return nil
}
