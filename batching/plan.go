package batching

import "slices"

// Next plans a step: decodes first, then prompts in chunks, first come, first
// served. An empty plan means that there is nothing to compute.
//
// Where steps alternate (Limits.Fuse is false), a decode waits for at most one
// chunk: a step for prompts is followed by one for decodes. Where they fuse,
// every step holds all decodes.
func (s *Scheduler) Next(room Room) Plan {
	d := &draft{s: s, room: room}
	s.promptStep = false
	decodes := slices.ContainsFunc(s.running, (*request).decoding)
	prompts := s.prefillWaits(room)
	switch {
	case decodes && (s.limits.Fuse || !prompts || s.decodeNext):
		d.decodes()
		if s.limits.Fuse {
			d.prompts(min(s.limits.Chunk, s.most-d.plan.Len()))
		}
	case decodes:
		d.prompts(min(s.limits.Chunk, s.most))
		s.promptStep = true
	default:
		d.prompts(s.most)
	}
	if len(d.plan) == 0 && len(s.running) > 0 {
		return s.Next(d.room) // all that was planned got paused to make room
	}
	return d.plan
}

// prefillWaits tells whether a step for prompts would have rows.
func (s *Scheduler) prefillWaits(room Room) bool {
	for _, r := range s.running {
		if !r.decoding() {
			return true
		}
	}
	return len(s.waiting) > 0 && s.admits(s.waiting[0], room)
}

// admits tells whether a waiting request may start: there is a sequence, and
// cells for all it knows besides what running requests still need for theirs.
// Alone it may always: Submit has checked that it fits.
func (s *Scheduler) admits(r *request, room Room) bool {
	if len(s.running) == 0 {
		return true
	}
	owed := 0
	for _, q := range s.running {
		owed += q.missing()
	}
	free := room.Cells - owed - headroom*len(s.running)
	return len(s.running) < s.limits.Seqs && room.Seqs > 0 && r.known < free
}

// headroom is how many tokens each running request can grow by before a newly
// started one is paused again: it keeps a full cache from thrashing.
const headroom = 16

// draft is a plan in the making, with the room that is left.
type draft struct {
	s    *Scheduler
	room Room
	plan Plan
}

// decodes plans the rows of each running request that decodes: one at least,
// more while the step has rows for those that follow.
func (d *draft) decodes() {
	decoding := slices.DeleteFunc(slices.Clone(d.s.running), func(r *request) bool { return !r.decoding() })
	for i, r := range decoding {
		if d.makeRoom(r) {
			d.add(r, max(1, d.s.most-d.plan.Len()-len(decoding[i+1:])))
		}
	}
}

// prompts plans up to budget rows for requests that don't decode yet, then starts waiting ones while rows and room last.
func (d *draft) prompts(budget int) {
	for _, r := range slices.Clone(d.s.running) {
		if budget > 0 && !r.decoding() && d.makeRoom(r) {
			budget -= d.add(r, budget)
		}
	}
	for budget > 0 && len(d.s.waiting) > 0 && d.s.admits(d.s.waiting[0], d.room) {
		budget -= d.add(d.start(), budget)
	}
}

// start moves the first waiting request to the running ones.
func (d *draft) start() *request {
	r := d.s.waiting[0]
	d.s.waiting = d.s.waiting[1:]
	d.s.running = append(d.s.running, r)
	r.computed = d.s.fx.Start(r.id)
	d.room.Seqs--
	d.room.Cells -= r.computed // they were idle, now they are held
	return r
}

// add plans the next rows of r, at most budget, and returns how many.
func (d *draft) add(r *request, budget int) int {
	n := min(d.s.wanted(r), budget, d.room.Cells)
	if n == 0 {
		return 0
	}
	d.plan = append(d.plan, Rows{ID: r.id, From: r.computed, N: n, Last: n == r.missing()})
	d.room.Cells -= n
	return n
}

// wanted returns how many rows would do for r now: all that is missing, but for
// the tail of a prompt, which gets a step apart.
func (s *Scheduler) wanted(r *request) int {
	n := r.missing()
	if r.decoding() || n <= s.limits.Tail {
		return n
	}
	return n - s.limits.Tail
}

// makeRoom pauses the latest started requests until a cell is free for r. It
// returns false when r itself is paused, now or before.
func (d *draft) makeRoom(r *request) bool {
	for d.room.Cells == 0 && slices.Contains(d.s.running, r) {
		d.pause()
	}
	return slices.Contains(d.s.running, r)
}

// pause takes the latest started request out of the step and its cells back.
func (d *draft) pause() {
	last := d.s.running[len(d.s.running)-1]
	d.room.Seqs++
	d.room.Cells += last.computed
	d.plan = slices.DeleteFunc(d.plan, func(rows Rows) bool {
		if rows.ID == last.id {
			d.room.Cells += rows.N
		}
		return rows.ID == last.id
	})
	d.s.pauseLast()
}

// pauseLast puts the latest started request back into the queue, in its place
// by arrival, with nothing computed.
func (s *Scheduler) pauseLast() {
	last := len(s.running) - 1
	r := s.running[last]
	s.running = s.running[:last]
	s.fx.Pause(r.id)
	r.computed = 0
	i, _ := slices.BinarySearchFunc(s.waiting, r, byArrival)
	s.waiting = slices.Insert(s.waiting, i, r)
}
