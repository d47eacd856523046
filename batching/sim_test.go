package batching

import (
	"testing"

	"pgregory.net/rapid"
)

// sim drives a scheduler as an engine would, with random arrivals,
// cancellations and backends that find no slot, and holds it to its promises.
type sim struct {
	t       *rapid.T
	s       *Scheduler
	limits  Limits
	next    ReqID
	goals   map[ReqID]int // tokens that each live request is to have in the end
	known   map[ReqID]int
	prompts map[ReqID]int
	held    map[ReqID]int // computed tokens, by request with a sequence
	waited  map[ReqID]int // steps since a decode last advanced
	steps   int
	done    int
}

func newSim(t *rapid.T) *sim {
	l := Limits{
		Seqs:  rapid.IntRange(1, 8).Draw(t, "seqs"),
		Cells: rapid.IntRange(8, 300).Draw(t, "cells"),
		Rows:  rapid.IntRange(8, 64).Draw(t, "rows"),
		Queue: rapid.IntRange(1, 40).Draw(t, "queue"),
		Tail:  rapid.IntRange(0, 5).Draw(t, "tail"),
		Fuse:  rapid.Bool().Draw(t, "fuse"),
	}
	l.Chunk = rapid.IntRange(1, l.Rows).Draw(t, "chunk")
	m := &sim{t: t, limits: l, goals: map[ReqID]int{}, known: map[ReqID]int{}, prompts: map[ReqID]int{}, held: map[ReqID]int{}, waited: map[ReqID]int{}}
	s, err := New(l, m)
	if err != nil {
		t.Fatal(err)
	}
	m.s = s
	return m
}

// Start gives a sequence, now and then on a cached prefix.
func (m *sim) Start(id ReqID) int {
	if _, twice := m.held[id]; twice {
		m.t.Fatalf("request %d started twice", id)
	}
	cached := 0
	if m.free() == m.limits.Cells && rapid.Bool().Draw(m.t, "hit") {
		cached = rapid.IntRange(0, m.known[id]-1).Draw(m.t, "cached")
	}
	m.held[id] = cached
	return cached
}

func (m *sim) Pause(id ReqID) {
	if _, runs := m.held[id]; !runs {
		m.t.Fatalf("request %d paused but not running", id)
	}
	delete(m.held, id)
	delete(m.waited, id)
}

func (m *sim) free() int {
	n := m.limits.Cells
	for _, c := range m.held {
		n -= c
	}
	return n
}

func (m *sim) submit(t *rapid.T) {
	m.next++
	prompt := rapid.IntRange(1, m.limits.Cells-1).Draw(t, "prompt")
	if m.s.Submit(m.next, prompt) == nil {
		m.known[m.next], m.prompts[m.next] = prompt, prompt
		m.goals[m.next] = rapid.IntRange(prompt+1, m.limits.Cells).Draw(t, "goal")
	}
}

func (m *sim) cancel(t *rapid.T) {
	id := ReqID(rapid.Int64Range(1, int64(m.next)+1).Draw(t, "id"))
	m.s.Cancel(id)
	m.forget(id)
}

func (m *sim) forget(id ReqID) {
	delete(m.goals, id)
	delete(m.known, id)
	delete(m.prompts, id)
	delete(m.held, id)
	delete(m.waited, id)
}

func (m *sim) step(t *rapid.T) {
	plan := m.s.Next(Room{Cells: m.free(), Seqs: m.limits.Seqs - len(m.held)})
	if len(plan) == 0 && len(m.goals) > 0 {
		t.Fatalf("%d requests live, and nothing is planned", len(m.goals))
	}
	m.checkPlan(plan)
	if rapid.IntRange(0, 19).Draw(t, "no slot") == 0 && m.s.NoSlot(plan) {
		return
	}
	m.compute(plan)
}

// compute plays the backend: rows advance, and who reaches its goal has ended.
func (m *sim) compute(plan Plan) {
	m.checkWaits(plan)
	var outcomes []Outcome
	for _, r := range plan {
		m.held[r.ID] += r.N
		m.waited[r.ID] = 0
		if r.Last {
			outcomes = append(outcomes, m.outcome(r.ID))
		}
	}
	m.s.Commit(plan, outcomes)
	for _, o := range outcomes {
		if o.Ended {
			m.forget(o.ID)
			m.done++
		}
	}
	m.steps++
}

// outcome draws how many tokens a request gets to know: mostly one, at times many that were forced.
func (m *sim) outcome(id ReqID) Outcome {
	n := 1
	if rapid.IntRange(0, 3).Draw(m.t, "forced") == 0 {
		n = min(rapid.IntRange(1, 2*burst).Draw(m.t, "tokens"), m.goals[id]-m.known[id])
	}
	m.known[id] += n
	return Outcome{ID: id, Tokens: n, Ended: m.known[id] == m.goals[id]}
}

// checkPlan states what holds of every step.
func (m *sim) checkPlan(plan Plan) {
	if plan.Len() > m.limits.Rows || plan.Len() > m.free() {
		m.t.Fatalf("%d rows planned, %d may be, %d cells are free", plan.Len(), m.limits.Rows, m.free())
	}
	for _, r := range plan {
		m.checkRows(r)
	}
}

func (m *sim) checkRows(r Rows) {
	computed, runs := m.held[r.ID]
	if !runs || r.From != computed || r.N < 1 || r.From+r.N > m.known[r.ID] {
		m.t.Fatalf("rows %+v of a request with %d of %d tokens computed", r, computed, m.known[r.ID])
	}
	if r.Last != (r.From+r.N == m.known[r.ID]) {
		m.t.Fatalf("rows %+v: is the last of %d tokens among them?", r, m.known[r.ID])
	}
}

// checkWaits: a decode is part of the step that is computed, or of the next one.
func (m *sim) checkWaits(plan Plan) {
	planned := map[ReqID]bool{}
	for _, r := range plan {
		planned[r.ID] = true
	}
	for id, computed := range m.held {
		missing := m.known[id] - computed
		decodes := missing == 1 || missing <= burst && computed >= m.prompts[id]
		if !decodes || planned[id] {
			continue
		}
		m.waited[id]++
		if m.waited[id] > 1 || plan.Len() > m.limits.Chunk || m.limits.Fuse {
			m.t.Fatalf("the decode of request %d waits for %d steps, now behind %d prompt rows (chunk %d)", id, m.waited[id], plan.Len(), m.limits.Chunk)
		}
	}
}

func (m *sim) check(t *rapid.T) {
	if err := m.s.Check(); err != nil {
		t.Fatal(err)
	}
}

// TestSimulation: whatever arrives, goes away or finds no slot, each request
// that isn't cancelled gets all its tokens, within the limits, in finite steps.
func TestSimulation(t *testing.T) {
	total := 0
	for range 20 {
		rapid.Check(t, func(t *rapid.T) { total += simulate(t) })
	}
	t.Logf("%d requests arrived", total)
	if total < 5000 {
		t.Errorf("only %d requests arrived: too few to say anything", total)
	}
}

// simulate returns how many requests arrived.
func simulate(t *rapid.T) int {
	m := newSim(t)
	t.Repeat(map[string]func(*rapid.T){
		"submit": m.submit, "submit too": m.submit, "cancel": m.cancel,
		"step": m.step, "step too": m.step, "step more": m.step, "": m.check,
	})
	for len(m.goals) > 0 {
		m.step(t)
		m.check(t)
		if m.steps > 1_000_000 {
			t.Fatal("no end in sight")
		}
	}
	return int(m.next)
}
