package batching

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// recorder plays the world: it notes what the scheduler asks for.
type recorder struct {
	prefix map[ReqID]Prefix // what Look and Start find
	drafts map[ReqID]int    // tokens that may be proposed
	agree  int              // with how many that agree; 0: two
	freed  map[ReqID]int    // cells that a pause frees; absent: what the test's room counts
	log    []string
	looks  int
	world  *world
}

func (f *recorder) Look(id ReqID) Prefix {
	f.looks++
	return f.prefix[id]
}

func (f *recorder) Start(id ReqID) Started {
	f.log = append(f.log, fmt.Sprintf("start %d", id))
	p := f.prefix[id]
	return Started{Computed: p.Ready, Cells: p.Ready - p.Free}
}

func (f *recorder) Pause(id ReqID) int {
	f.log = append(f.log, fmt.Sprintf("pause %d", id))
	if n, ok := f.freed[id]; ok {
		return n
	}
	return f.world.s.live[id].computed
}

func (f *recorder) Propose(id ReqID, most int) (n, agree int) {
	return min(most, f.drafts[id]), cmp.Or(f.agree, 2)
}

func (f *recorder) want(t *testing.T, lines ...string) {
	t.Helper()
	if !slices.Equal(f.log, lines) {
		t.Errorf("asked for %q, want %q", f.log, lines)
	}
}

// world is a scheduler with a cache of so many cells, seen from a test. A row takes a millisecond.
type world struct {
	t      *testing.T
	s      *Scheduler
	fx     *recorder
	cells  int
	now    time.Time
	last   ReqID
	forced map[ReqID]int // tokens that the next step gives besides one
	kept   map[ReqID]int // draft rows that come true, at most
}

// perRow makes a step take so long for each of its rows.
func perRow(d time.Duration) *Costs { return &Costs{Points: []Point{{1, d}, {1000, 1000 * d}}} }

func newWorld(t *testing.T, l Limits) *world { return newPricedWorld(t, l, perRow(time.Millisecond)) }

func newPricedWorld(t *testing.T, l Limits, costs *Costs) *world {
	t.Helper()
	fx := &recorder{prefix: map[ReqID]Prefix{}, drafts: map[ReqID]int{}, freed: map[ReqID]int{}}
	s, err := New(l, costs, fx)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, s: s, fx: fx, cells: l.Cells, now: time.Unix(1e9, 0), kept: map[ReqID]int{}}
	fx.world = w
	return w
}

func (w *world) submit(prompt int) { w.t.Helper(); w.job(Job{Prompt: prompt}) }

// job submits j under the next id.
func (w *world) job(j Job) {
	w.t.Helper()
	w.last++
	j.ID = w.last
	if err := w.s.Submit(j, w.now); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) room() Room {
	used := 0
	for _, r := range w.s.running {
		used += r.computed
	}
	return Room{Cells: w.cells - used, Seqs: w.s.limits.Seqs - len(w.s.running)}
}

func (w *world) plan() Plan { return w.s.Next(w.room(), w.now) }

// step plans and commits; "2:0+5!" is request 2, rows 0 to 4, the last one
// sampled; "2:5+3?2!" has two drafts among three rows.
func (w *world) step(ended ...ReqID) string {
	w.t.Helper()
	return w.carryOut(w.plan(), ended...)
}

// carryOut plays a plan and shows it.
func (w *world) carryOut(plan Plan, ended ...ReqID) string {
	w.t.Helper()
	var outcomes []Outcome
	for _, r := range plan {
		if r.Last {
			kept := min(r.Draft, w.kept[r.ID])
			outcomes = append(outcomes, Outcome{ID: r.ID, Tokens: 1 + kept + w.forced[r.ID], Kept: kept, Ended: slices.Contains(ended, r.ID)})
		}
	}
	w.forced = nil
	took := w.s.costs.Predict(Step{Rows: plan.Len()})
	w.now = w.now.Add(took)
	w.s.Commit(plan, outcomes, took+w.s.drawing())
	if err := w.s.Check(); err != nil {
		w.t.Fatal(err)
	}
	return show(plan)
}

func show(plan Plan) string {
	var parts []string
	for _, r := range plan {
		draft := ""
		if r.Draft > 0 {
			draft = fmt.Sprintf("?%d", r.Draft)
		}
		parts = append(parts, fmt.Sprintf("%d:%d+%d%s%s", r.ID, r.From, r.N, draft, map[bool]string{true: "!"}[r.Last]))
	}
	return strings.Join(parts, " ")
}

func (w *world) wantSteps(steps ...string) {
	w.t.Helper()
	for i, want := range steps {
		if got := w.step(); got != want {
			w.t.Fatalf("step %d is %q, want %q", i+1, got, want)
		}
	}
}
