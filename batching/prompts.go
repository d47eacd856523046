package batching

import "slices"

// prompts plans up to budget rows for requests that don't decode yet, running
// and waiting ones in order of service. A part is set aside for the running
// prompt that went without rows for longest, so that short ones may overtake it
// but not starve it.
func (p *planner) prompts(budget int) {
	p.enqueue()
	neglected, share := p.neglected(budget)
	budget -= share
	for budget > 0 {
		r := p.nextPrompt()
		if r == nil {
			break
		}
		if p.makeRoom(r) {
			budget -= p.add(r, budget)
		}
	}
	if neglected != nil && p.makeRoom(neglected) {
		p.add(neglected, budget+share)
	}
}

// enqueue lists the running prompts in order of service.
func (p *planner) enqueue() {
	s := p.s
	s.some = slices.DeleteFunc(append(s.some[:0], s.running...), func(r *request) bool { return !p.mine(r) || r.decoding() })
	slices.SortFunc(s.some, p.byService)
	p.queue = s.some
}

// aside: one row in so many goes to the prompt that went without for longest. In
// the simulator a long prompt beside a stream of short ones has its first token
// after 15 s at 2, 22 s at 4 and 40 s at 8, while the median of the short ones is
// a quarter longer at 2 and the same at 4 and 8.
const aside = 4

// neglected takes the running prompt that went without rows for longest out of
// the queue, unless it comes first anyway, and returns the rows set aside for it.
// A step too small to be shared is its own every so often.
func (p *planner) neglected(budget int) (r *request, share int) {
	if align := p.s.limits.Align; budget/aside >= align {
		share = budget / aside / align * align
	} else if p.s.step%aside == 0 {
		share = budget
	}
	if share == 0 || len(p.queue) == 0 {
		return nil, 0
	}
	at := 0
	for i, q := range p.queue {
		if q.served.Before(p.queue[at].served) {
			at = i
		}
	}
	if head := p.open(); at == 0 && (head == nil || !p.overtakes(head, p.queue[0])) {
		return nil, 0
	}
	r = p.queue[at]
	p.queue = slices.Delete(p.queue, at, at+1)
	return r, share
}

// nextPrompt returns the next request in order of service, which it starts when it waits.
func (p *planner) nextPrompt() *request {
	for len(p.queue) > 0 && !p.queue[0].runs { // it was paused meanwhile
		p.queue = p.queue[1:]
	}
	head := p.open()
	if head != nil && (len(p.queue) == 0 || p.overtakes(head, p.queue[0])) {
		return p.start(head)
	}
	if len(p.queue) == 0 {
		return nil
	}
	r := p.queue[0]
	p.queue = p.queue[1:]
	return r
}

// open returns the waiting request that starts next; nil where none may, be it
// that no row may give scores any more. It is strict: a large request isn't
// overtaken because it doesn't fit yet.
func (p *planner) open() *request {
	if p.outputs == 0 {
		return nil
	}
	if p.opened {
		return p.opening
	}
	p.close()
	r := p.candidate()
	if r == nil || !p.mine(r) {
		return nil // another adapter's request is first in the queue: it starts in its turn
	}
	if p.admits(r) || p.outranks(r) {
		p.opening = r
	}
	p.s.gate.seen(len(p.s.running), p.s.limits.Seqs, p.opening != nil)
	return p.opening
}

func (p *planner) close() { p.opened, p.opening = true, nil }

// admits tells whether a waiting request may start: there is a sequence, and
// cells for all it knows besides what running requests still need for theirs.
// Alone it may always: Submit has checked that it fits.
func (p *planner) admits(r *request) bool {
	if len(p.s.running) == 0 {
		return true
	}
	return len(p.s.running) < p.s.beside && p.room.Seqs > 0 && r.known-r.prefix.Free < p.spare()
}

// headroom is how many tokens each running request can grow by before a newly
// started one is paused again: it keeps a full cache from thrashing. Starting and
// pausing costs the rows of a prompt, so it should pay for some steps.
const headroom = 16

// spare returns the cells that running requests don't need for what they know
// and for some tokens more.
func (p *planner) spare() int {
	n := p.room.Cells
	for _, q := range p.s.running {
		n -= p.owed(q)
	}
	return n
}

// owed returns the cells that running q needs soon and hasn't got.
func (p *planner) owed(q *request) int {
	n := q.missing() + headroom
	if q.planned == p.s.step {
		n -= q.inPlan
	}
	return n
}

// start moves a waiting request to the running ones, after it made those give
// way whom it outranks.
func (p *planner) start(r *request) *request {
	for !p.admits(r) {
		p.pause(p.s.victim())
	}
	s := p.s
	rank, again := p.level(r), r.begun
	s.dequeue(r)
	s.running = append(s.running, r)
	got := s.fx.Start(r.id)
	r.starts(got, rank, p.now)
	s.tenants.starts(r, again, p.now)
	if !again {
		s.gate.started(s.gate.prices(s).cost(s.gate.place(r))/s.gate.pace(), len(s.waiting), p.now)
	}
	p.room.Seqs--
	p.room.Cells -= got.Cells
	p.opened = false
	s.epoch++
	return r
}
