package batching

import "slices"

// NoSlot hears that the backend found no room for the plan, which was not
// computed: a request is paused; where only one runs, the next step is half as
// large. It returns false when neither can help.
func (s *Scheduler) NoSlot(plan Plan) bool {
	switch {
	case len(s.running) > 1:
		s.pause(s.victim())
		s.beside = len(s.running) // else it would start again at once, and find no slot again
	case plan.Len() > 1:
		s.most = plan.Len() / 2
	default:
		return false
	}
	return true
}

// standing is what r counts as when somebody must go: the class it started
// with, or that of its most urgent follower.
func (r *request) standing() int { return max(r.rank, r.boost) }

// victim returns the running request that goes first: of the lowest class, the
// latest started.
func (s *Scheduler) victim() *request {
	var v *request
	for _, r := range slices.Backward(s.running) {
		if v == nil || r.standing() < v.standing() {
			v = r
		}
	}
	return v
}

// preemptible tells whether some waiting request is of a higher class than some running one.
func (p *planner) preemptible() bool {
	if len(p.s.running) == 0 {
		return false
	}
	lowest := p.s.victim().standing()
	return slices.ContainsFunc(p.s.waiting, func(w *request) bool { return int(w.class) > lowest })
}

// outranks tells whether waiting w could start if all running requests of a
// lower class were paused. Its class alone counts, not how long it waits: else
// two would push each other out in turn.
func (p *planner) outranks(w *request) bool {
	gain, any := 0, false
	for _, q := range p.s.running {
		if q.standing() < int(w.class) {
			gain, any = gain+q.computed+p.owed(q), true
		}
	}
	return any && w.known-w.prefix.Free < p.spare()+gain
}

// makeRoom pauses requests until a cell is free for r. It returns false when r
// itself is paused, now or before, and when r is alone and the cache is full.
func (p *planner) makeRoom(r *request) bool {
	for p.room.Cells <= 0 && r.runs && len(p.s.running) > 1 {
		p.pause(p.s.victim())
	}
	return r.runs && p.room.Cells > 0
}

// pause takes a request out of the step and its cells back.
func (p *planner) pause(v *request) {
	p.plan = slices.DeleteFunc(p.plan, func(rows Rows) bool {
		if rows.ID == v.id {
			p.rows -= rows.N
			p.room.Cells += rows.N
			p.outputs += v.outputs(rows)
		}
		return rows.ID == v.id
	})
	p.room.Cells += p.s.pause(v)
	p.room.Seqs++
}

// pause puts a running request back into the queue, in its place by arrival,
// with nothing computed. It returns the cells that it freed.
func (s *Scheduler) pause(v *request) (freed int) {
	s.running = without(s.running, v)
	freed = s.fx.Pause(v.id)
	v.pauses(s.step)
	v.tenant.running--
	s.enqueue(v)
	s.epoch++
	return freed
}
