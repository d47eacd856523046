package batching

import (
	"slices"
	"sort"
	"time"
)

// Rows are consecutive tokens of one request in a step: N - Draft known ones,
// then Draft proposed ones.
type Rows struct {
	ID    ReqID
	From  int  // place of the first in the request's sequence
	N     int  // how many, drafts included
	Last  bool // the known ones end with the last known token: a new one is sampled
	Draft int  // of N, the last ones: guesses, each sampled as well; above 0 only where Last is set
	Drawn bool // the Drafter guessed these, and Effects.Propose didn't
}

// Plan is one step's batch, in order. A request stands in it at most once.
type Plan []Rows

// Len returns the rows of the whole batch.
func (p Plan) Len() int {
	n := 0
	for _, r := range p {
		n += r.N
	}
	return n
}

// Next plans a step. An empty plan means that there is nothing to compute.
//
// Where steps alternate (Limits.Fuse is false), a decode waits for at most one
// step of prompt rows, which takes Limits.Step at most; for prompts of a higher
// class it waits for some (yield.go). Where they fuse, every step holds all
// decodes, and prompt rows add at most that. Adapters take turns (turns.go).
func (s *Scheduler) Next(room Room, now time.Time) Plan {
	if s.drafter != nil {
		s.drafter.took = 0
	}
	for range len(s.running) + 2 { // all that was planned may be paused to make room
		for _, adapter := range s.turns.order() {
			p := s.planner(room, now, adapter)
			p.fill()
			if len(p.plan) > 0 {
				s.turns.takes(adapter)
				return p.plan
			}
			room = p.room
		}
	}
	return nil
}

// planner is a plan in the making, with the room that is left.
type planner struct {
	s         *Scheduler
	now       time.Time
	adapter   string // of all rows
	room      Room
	plan      Plan
	rows      int        // of plan
	outputs   int        // rows that may still give scores
	looks     int        // answers of Effects.Look that may still be asked for
	opening   *request   // the waiting request that starts next, where opened is set
	opened    bool       // opening is up to date
	prompting bool       // prompts wait, or have rows in the step
	urgent    int        // decodes of lower classes than this yield to prompts
	queue     []*request // running prompts without rows yet, in order of service
}

func (s *Scheduler) planner(room Room, now time.Time, adapter string) *planner {
	s.step++
	s.epoch++
	s.attended = s.behind()
	return &planner{s: s, now: now, adapter: adapter, room: room, outputs: s.limits.Outputs, looks: looksPerStep, urgent: nobody}
}

// fill chooses what kind of step it is.
func (p *planner) fill() {
	s := p.s
	decodes := p.decode(func(*request) bool { return true })
	p.prompting = p.promptsWait()
	p.rankPrompts()
	switch {
	case !decodes:
		p.prompts(s.most)
	case s.limits.Fuse:
		p.decodes()
		p.prompts(p.budget())
		p.drafts()
	case p.prompting && (!s.decodeNext || !p.decode(p.insists)):
		p.prompts(p.budget())
		p.urgent = nobody
	}
	prompted := len(p.plan) > 0
	if decodes && !prompted {
		p.decodes()
		p.drafts()
	}
	s.promptStep = prompted && p.decode(func(r *request) bool { return r.planned != s.step })
}

// decode tells whether any request of which that holds decodes.
func (p *planner) decode(that func(*request) bool) bool {
	return slices.ContainsFunc(p.s.running, func(r *request) bool { return p.mine(r) && r.decoding() && that(r) })
}

// promptsWait tells whether a step for prompts would have rows.
func (p *planner) promptsWait() bool {
	if len(p.s.running) < p.s.limits.Seqs || p.preemptible() {
		p.survey()
	} else {
		p.close()
	}
	return slices.ContainsFunc(p.s.running, func(r *request) bool { return p.mine(r) && !r.decoding() }) || p.open() != nil
}

// budget returns how many prompt rows the step may have besides those that it
// has: as many as add at most delay, in whole passes of the kernels, and one pass
// at least.
func (p *planner) budget() int {
	s := p.s
	most, align := s.most-p.rows, s.limits.Align
	if s.limits.Step == 0 || most <= align {
		return most
	}
	allowed := s.cost(p.rows, 0) + p.delay()
	passes := sort.Search(most/align, func(i int) bool { return s.cost(p.rows+(i+1)*align, 0) > allowed })
	return max(1, passes) * align
}

// behind returns how many cells a row of a running request attends to, on average.
func (s *Scheduler) behind() int {
	sum := 0
	for _, r := range s.running {
		sum += r.computed
	}
	return sum / max(1, len(s.running))
}

// cost predicts a step of that many rows, of which so many give scores.
func (s *Scheduler) cost(rows, outputs int) time.Duration {
	return s.costs.Predict(s.priced(rows, outputs))
}

// priced describes a step, filled up to whole passes.
func (s *Scheduler) priced(rows, outputs int) Step {
	align := s.limits.Align
	return Step{(rows + align - 1) / align * align, outputs, s.attended}
}

// outputs returns how many rows of a plan give scores.
func (s *Scheduler) outputs(plan Plan) int {
	n := 0
	for _, rows := range plan {
		if r := s.live[rows.ID]; r != nil {
			n += r.outputs(rows)
		}
	}
	return n
}

// decodes plans the known rows of each running request that decodes: one at
// least, more while the step has rows for those that follow.
func (p *planner) decodes() {
	s := p.s
	s.some = slices.DeleteFunc(append(s.some[:0], s.running...), func(r *request) bool { return !p.mine(r) || !r.decoding() || !p.insists(r) })
	for i, r := range s.some {
		if p.makeRoom(r) {
			p.add(r, max(1, s.most-p.rows-len(s.some[i+1:])))
		}
	}
}

// add plans the next rows of r, at most budget, and returns how many.
func (p *planner) add(r *request, budget int) int {
	n := p.scored(r, min(p.s.wanted(r), budget, p.room.Cells))
	if n <= 0 {
		return 0
	}
	rows := Rows{ID: r.id, From: r.computed, N: n, Last: n == r.missing()}
	p.plan = append(p.plan, rows)
	p.rows += n
	p.room.Cells -= n
	p.outputs -= r.outputs(rows)
	r.planned, r.inPlan, r.served, r.levels = p.s.step, n, p.now, r.levels[:0]
	return n
}

// wanted returns how many rows would do for r now: all that is missing, but for
// the tail of a prompt, which gets a step apart, and up to where a follower forks.
func (s *Scheduler) wanted(r *request) int {
	n := r.missing()
	if r.decoding() {
		return n
	}
	if n > s.limits.Tail {
		n -= s.limits.Tail
	}
	if r.fork > r.computed {
		n = min(n, r.fork-r.computed)
	}
	return n
}

// scored returns how many of n rows of r the step can give scores for.
func (p *planner) scored(r *request, n int) int {
	if r.everyRow && r.computed < r.prompt {
		return min(n, p.outputs)
	}
	if n == r.missing() && p.outputs == 0 {
		return n - 1
	}
	return n
}

// outputs returns how many of rows give scores.
func (r *request) outputs(rows Rows) int {
	switch {
	case r.everyRow && rows.From < r.prompt:
		return rows.N
	case rows.Last:
		return 1 + rows.Draft
	}
	return 0
}
