package batching

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// sim drives a scheduler as an engine would, with random arrivals, cancellations
// and backends that find no slot, and holds it to its promises. Its cache knows
// each cell: requests of one family begin alike and share what one has computed.
type sim struct {
	t       *rapid.T
	s       *Scheduler
	limits  Limits
	now     time.Time
	next    ReqID
	live    map[ReqID]*simRequest
	refs    map[int]int // sequences that share a cell
	cells   int         // numbers given to cells so far
	family  [3]int      // tokens that requests of a family share
	asked   map[ReqID]int
	steps   int
	before  int           // the most urgent prompt before the step was planned
	delayed time.Duration // how long the step might make decodes wait

	guesses map[ReqID]int // of the draft model in this step
	ahead   map[ReqID]int // known tokens that it has computed
}

type simRequest struct {
	job     Job
	family  int
	known   int
	goal    int   // tokens that it is to have in the end
	cells   []int // of its sequence
	runs    bool
	begun   bool
	waited  int // steps since a decode last advanced
	yielded int // steps since then that had prompts of a higher class
}

func newSim(t *rapid.T) *sim {
	l := Limits{
		Seqs:  rapid.IntRange(1, 8).Draw(t, "seqs"),
		Cells: rapid.IntRange(40, 300).Draw(t, "cells"),
		Rows:  rapid.IntRange(8, 64).Draw(t, "rows"),
		Queue: rapid.IntRange(1, 40).Draw(t, "queue"),
		Tail:  rapid.IntRange(0, 5).Draw(t, "tail"),
		Fuse:  rapid.Bool().Draw(t, "fuse"),
		Align: rapid.SampledFrom([]int{0, 1, 4, 8}).Draw(t, "align"),
		Step:  time.Duration(rapid.IntRange(0, 40).Draw(t, "step")) * ms,
		Age:   time.Duration(rapid.IntRange(0, 3).Draw(t, "age")) * 20 * ms,
	}
	l.Outputs = rapid.IntRange(l.Seqs, l.Rows).Draw(t, "outputs")
	m := &sim{t: t, limits: l, now: time.Unix(1e9, 0), live: map[ReqID]*simRequest{}, refs: map[int]int{}}
	for i := range m.family {
		m.family[i] = rapid.IntRange(0, l.Cells/3).Draw(t, "family")
	}
	costs := &Costs{Points: []Point{{1, 2 * ms}, {8, 3 * ms}, {64, 40 * ms}}, Cell: float64(rapid.IntRange(0, 200).Draw(t, "cell"))}
	s, err := New(l, costs, m)
	if err != nil {
		t.Fatal(err)
	}
	m.s = s
	if rapid.Bool().Draw(t, "draft model") {
		m.draftWith(rapid.IntRange(l.Seqs, 64).Draw(t, "wide"))
	}
	return m
}

func (m *sim) draftWith(rows int) {
	m.ahead = map[ReqID]int{}
	if err := m.s.DraftWith(m, &Costs{Points: []Point{{1, ms / 4}, {64, 5 * ms}}}, rows); err != nil {
		m.t.Fatal(err)
	}
}

// Lag implements Drafter; now and then the draft model has no room.
func (m *sim) Lag(id ReqID) int {
	q := m.live[id]
	if q == nil || !q.runs {
		m.t.Fatalf("request %d is to be guessed for, and doesn't run", id)
	}
	if rapid.IntRange(0, 9).Draw(m.t, "no room") == 0 {
		return 0
	}
	m.ahead[id] = min(m.ahead[id], q.known-1)
	return q.known - m.ahead[id]
}

// Draw implements Drafter.
func (m *sim) Draw(asks []Ask) (sure []float64, took time.Duration) {
	rows := 0
	for _, a := range asks {
		rows += a.Rows
		sure = append(sure, m.guess(a))
	}
	if rows > m.s.drafter.wide {
		m.t.Fatalf("the draft model is to compute %d rows at once, %d are possible", rows, m.s.drafter.wide)
	}
	return sure, time.Duration(rapid.IntRange(0, 3).Draw(m.t, "took")) * ms
}

func (m *sim) guess(a Ask) (sure float64) {
	q := m.live[a.ID]
	if a.Rows < 1 || a.Guesses != m.guesses[a.ID] || q.known+a.Guesses+1 >= m.limits.Cells {
		m.t.Fatalf("%+v of %d tokens after %d guesses", a, q.known, m.guesses[a.ID])
	}
	if a.Guesses == 0 {
		m.ahead[a.ID] += a.Rows
	}
	if m.ahead[a.ID] == q.known {
		sure = rapid.Float64Range(0, 1).Draw(m.t, "sure")
	}
	if sure > 0 {
		m.guesses[a.ID]++
	}
	return sure
}

// found returns what is computed, or about to be, of the tokens of q.
func (m *sim) found(q *simRequest) (p Prefix, source *simRequest) {
	for id := ReqID(1); id <= m.next; id++ {
		r := m.live[id]
		if r == nil || r == q || !r.runs || r.family != q.family {
			continue
		}
		common := min(m.family[q.family], q.known-1, r.known)
		if ready := min(common, len(r.cells)); ready > p.Ready {
			p.Ready, p.Free, source = ready, ready, r
		}
		if common > p.Coming {
			p.Coming, p.Leader = common, id
		}
	}
	if p.Coming <= p.Ready {
		p.Coming = 0
	}
	return p, source
}

// Look implements Effects.
func (m *sim) Look(id ReqID) Prefix {
	q := m.live[id]
	if q == nil || q.runs {
		m.t.Fatalf("looked for request %d, which doesn't wait", id)
	}
	p, _ := m.found(q)
	return p
}

// Start gives a sequence, on what others have computed, or now and then on a
// prefix that was kept.
func (m *sim) Start(id ReqID) Started {
	q := m.live[id]
	if q == nil || q.runs {
		m.t.Fatalf("request %d started twice", id)
	}
	p, source := m.found(q)
	if p.Coming-p.Ready >= worthWaiting {
		m.t.Fatalf("request %d started with %d tokens, request %d is about to have %d", id, p.Ready, p.Leader, p.Coming)
	}
	q.runs, q.begun = true, true
	if source != nil {
		q.cells = m.share(source.cells[:p.Ready])
		return Started{Computed: p.Ready}
	}
	kept := 0
	if len(m.refs) == 0 && rapid.Bool().Draw(m.t, "hit") {
		kept = rapid.IntRange(0, q.known-1).Draw(m.t, "kept")
	}
	m.grow(q, kept)
	return Started{Computed: kept, Cells: kept}
}

func (m *sim) share(cells []int) []int {
	for _, c := range cells {
		m.refs[c]++
	}
	return append([]int(nil), cells...)
}

func (m *sim) grow(q *simRequest, n int) {
	for range n {
		m.cells++
		m.refs[m.cells] = 1
		q.cells = append(q.cells, m.cells)
	}
}

// shrink keeps n cells of q and returns how many are free by it.
func (m *sim) shrink(q *simRequest, n int) (freed int) {
	for _, c := range q.cells[n:] {
		if m.refs[c]--; m.refs[c] == 0 {
			delete(m.refs, c)
			freed++
		}
	}
	q.cells = q.cells[:n]
	return freed
}

// Pause implements Effects.
func (m *sim) Pause(id ReqID) int {
	q := m.live[id]
	if q == nil || !q.runs {
		m.t.Fatalf("request %d paused but not running", id)
	}
	q.runs, q.waited, q.yielded = false, 0, 0
	return m.shrink(q, 0)
}

// Propose implements Effects.
func (m *sim) Propose(id ReqID, most int) (n, agree int) {
	if m.asked[id]++; m.asked[id] > 1 {
		m.t.Fatalf("request %d is asked for drafts twice in a step", id)
	}
	q := m.live[id]
	if most < 1 || q.known+most >= m.limits.Cells || q.job.MaxTokens > 0 && q.known+most >= q.job.Prompt+q.job.MaxTokens {
		m.t.Fatalf("%d drafts are asked of request %d with %d tokens", most, id, q.known)
	}
	return rapid.IntRange(0, most).Draw(m.t, "drafts"), rapid.IntRange(0, 20).Draw(m.t, "agree")
}

func (m *sim) free() int { return m.limits.Cells - len(m.refs) }

func (m *sim) room() Room {
	running := 0
	for _, q := range m.live {
		if q.runs {
			running++
		}
	}
	return Room{Cells: m.free(), Seqs: m.limits.Seqs - running}
}

func (m *sim) submit(t *rapid.T) {
	m.next++
	q := &simRequest{family: rapid.IntRange(0, len(m.family)-1).Draw(t, "family")}
	q.known = rapid.IntRange(m.family[q.family]+1, m.limits.Cells-1).Draw(t, "prompt")
	q.goal = rapid.IntRange(q.known+1, m.limits.Cells).Draw(t, "goal")
	q.job = Job{
		ID: m.next, Prompt: q.known,
		Tenant:   rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "tenant"),
		Class:    Class(rapid.IntRange(-1, 1).Draw(t, "class")),
		EveryRow: rapid.IntRange(0, 5).Draw(t, "every row") == 0,
	}
	if rapid.Bool().Draw(t, "bounded") {
		q.job.MaxTokens = q.goal - q.known
	}
	if rapid.IntRange(0, 3).Draw(t, "late") == 0 {
		q.job.Deadline = m.now.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "deadline")) * ms)
	}
	if m.s.Submit(q.job, m.now) == nil {
		m.live[m.next] = q
	}
}

func (m *sim) cancel(t *rapid.T) {
	id := ReqID(rapid.Int64Range(1, int64(m.next)+1).Draw(t, "id"))
	m.s.Cancel(id)
	m.forget(id)
}

func (m *sim) forget(id ReqID) {
	if q := m.live[id]; q != nil {
		m.shrink(q, 0)
		delete(m.live, id)
	}
}

func (m *sim) expire() {
	for _, id := range m.s.Expired(m.now) {
		if q := m.live[id]; q == nil || q.begun || !m.now.After(q.job.Deadline) {
			m.t.Fatalf("request %d is late: %+v", id, q)
		}
		m.forget(id)
	}
	for id, q := range m.live {
		if !q.begun && !q.job.Deadline.IsZero() && m.now.After(q.job.Deadline) {
			m.t.Fatalf("request %d waits beyond its deadline", id)
		}
	}
}

func (m *sim) step(t *rapid.T) {
	m.expire()
	m.asked, m.guesses = map[ReqID]int{}, map[ReqID]int{}
	m.before, m.delayed = m.urgent(), m.delay()
	plan := m.s.Next(m.room(), m.now)
	if len(plan) == 0 && len(m.live) > 0 {
		t.Fatalf("%d requests live, and nothing is planned", len(m.live))
	}
	m.checkPlan(plan)
	if rapid.IntRange(0, 19).Draw(t, "no slot") == 0 && m.s.NoSlot(plan) {
		for _, r := range plan {
			m.live[r.ID].waited, m.live[r.ID].yielded = 0, 0 // its turn was lost; it counts anew
		}
		return
	}
	m.compute(plan)
}

// compute plays the backend: rows advance, and who reaches its goal has ended.
func (m *sim) compute(plan Plan) {
	m.checkWaits(plan)
	var outcomes []Outcome
	for _, r := range plan {
		q := m.live[r.ID]
		m.grow(q, r.N)
		q.waited, q.yielded = 0, 0
		if r.Last {
			outcomes = append(outcomes, m.outcome(r))
		}
	}
	took := m.s.cost(plan.Len(), 0) + m.s.drawing()
	m.now = m.now.Add(took)
	m.s.Commit(plan, outcomes, took)
	for _, o := range outcomes {
		if o.Ended {
			m.forget(o.ID)
		}
	}
	m.steps++
}

// outcome draws how many drafts come true and how many tokens a request gets to
// know: mostly one more than those, at times many that were forced.
func (m *sim) outcome(r Rows) Outcome {
	q := m.live[r.ID]
	kept := min(rapid.IntRange(0, r.Draft).Draw(m.t, "kept"), q.goal-q.known-1)
	n := kept + 1
	if rapid.IntRange(0, 3).Draw(m.t, "forced") == 0 {
		n = min(n+rapid.IntRange(0, 2*burst).Draw(m.t, "tokens"), q.goal-q.known)
	}
	m.shrink(q, r.From+r.N-r.Draft+kept)
	q.known += n
	return Outcome{ID: r.ID, Tokens: n, Kept: kept, Ended: q.known == q.goal}
}

// checkPlan states what holds of every step.
func (m *sim) checkPlan(plan Plan) {
	if plan.Len() > m.limits.Rows || plan.Len() > m.free() {
		m.t.Fatalf("%d rows planned, %d may be, %d cells are free", plan.Len(), m.limits.Rows, m.free())
	}
	outputs, seen := 0, map[ReqID]bool{}
	for _, r := range plan {
		if seen[r.ID] {
			m.t.Fatalf("request %d stands twice in %v", r.ID, plan)
		}
		seen[r.ID] = true
		m.checkRows(r)
		outputs += m.outputs(r)
	}
	if outputs > m.limits.Outputs {
		m.t.Fatalf("%d rows are to give scores, %d may: %v", outputs, m.limits.Outputs, plan)
	}
}

func (m *sim) outputs(r Rows) int {
	switch q := m.live[r.ID]; {
	case q.job.EveryRow && r.From < q.job.Prompt:
		return r.N
	case r.Last:
		return 1 + r.Draft
	}
	return 0
}

func (m *sim) checkRows(r Rows) {
	q := m.live[r.ID]
	if q == nil || !q.runs || r.From != len(q.cells) || r.N-r.Draft < 1 || r.From+r.N-r.Draft > q.known {
		m.t.Fatalf("rows %+v of %+v", r, q)
	}
	if r.Drawn && r.Draft > m.guesses[r.ID] {
		m.t.Fatalf("rows %+v after %d guesses", r, m.guesses[r.ID])
	}
	if r.Last != (r.From+r.N-r.Draft == q.known) || r.Draft > 0 && !r.Last {
		m.t.Fatalf("rows %+v: is the last of %d tokens among them?", r, q.known)
	}
}

// checkWaits: a decode is part of the step that is computed, or of the next one,
// and the step that it waits for is as short as was asked for. Behind prompts of a
// higher class it waits for some more.
func (m *sim) checkWaits(plan Plan) {
	planned, prompts := map[ReqID]bool{}, false
	for _, r := range plan {
		planned[r.ID] = true
		prompts = prompts || !m.live[r.ID].decodes()
	}
	urgent := max(m.before, m.urgent())
	for id, q := range m.live {
		if !q.runs || !q.decodes() || planned[id] {
			continue
		}
		if int(q.job.Class) < urgent {
			q.yielded++
		} else {
			q.waited++
		}
		long := prompts && m.limits.Step > 0 && m.s.cost(plan.Len(), 0) > max(m.delayed, m.delay()) && plan.Len() > max(1, m.limits.Align)
		if q.waited > 1 && q.yielded == 0 || q.waited+q.yielded > yields+2 || long || m.limits.Fuse {
			m.t.Fatalf("the decode of request %d of class %d waits for %d steps, and yielded in %d, now to %d rows; prompts are of class %d", id, q.job.Class, q.waited, q.yielded, plan.Len(), urgent)
		}
	}
}

// delay is how long a step of prompts may take at most: as long as one of decodes
// where that is more than asked for, and longer where all decodes are patient. Some
// may be paused while a step is planned: cells are counted as many as any row has.
func (m *sim) delay() time.Duration {
	defer func(attended int) { m.s.attended = attended }(m.s.attended)
	for _, q := range m.live {
		m.s.attended = max(m.s.attended, len(q.cells))
	}
	step, decodes, patient := m.limits.Step, 0, true
	for _, q := range m.live {
		if q.runs && q.decodes() {
			decodes++
			step = max(step, m.s.cost(decodes, decodes))
			patient = patient && q.job.Class <= FlexClass
		}
	}
	if patient {
		return calm * step
	}
	return step
}

func (q *simRequest) decodes() bool {
	missing := q.known - len(q.cells)
	return missing == 1 || missing <= burst && len(q.cells) >= q.job.Prompt
}

// urgent is the highest class among prompts and those that wait.
func (m *sim) urgent() int {
	class := nobody
	for _, q := range m.live {
		if !q.runs || !q.decodes() {
			class = max(class, int(q.job.Class))
		}
	}
	return class
}

func (m *sim) check(t *rapid.T) {
	if err := m.s.Check(); err != nil {
		t.Fatal(err)
	}
}

// TestSimulation: whatever arrives, goes away or finds no slot, each request
// that isn't cancelled or late gets all its tokens, within the limits, in finite
// steps; nobody computes what another is about to have.
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
	for len(m.live) > 0 {
		m.step(t)
		m.check(t)
		if m.steps > 1_000_000 {
			t.Fatal("no end in sight")
		}
	}
	return int(m.next)
}
