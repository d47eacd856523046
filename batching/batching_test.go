package batching

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// recorder plays the world: it notes what the scheduler asks for.
type recorder struct {
	cached map[ReqID]int // tokens that a cached prefix spares
	log    []string
}

func (f *recorder) Start(id ReqID) int {
	f.log = append(f.log, fmt.Sprintf("start %d", id))
	return f.cached[id]
}

func (f *recorder) Pause(id ReqID) { f.log = append(f.log, fmt.Sprintf("pause %d", id)) }

func (f *recorder) want(t *testing.T, lines ...string) {
	t.Helper()
	if !slices.Equal(f.log, lines) {
		t.Errorf("asked for %q, want %q", f.log, lines)
	}
}

// world is a scheduler with a cache of so many cells, seen from a test.
type world struct {
	t      *testing.T
	s      *Scheduler
	fx     *recorder
	cells  int
	forced map[ReqID]int // tokens that the next step gives besides one
}

func newWorld(t *testing.T, l Limits) *world {
	t.Helper()
	fx := &recorder{cached: map[ReqID]int{}}
	s, err := New(l, fx)
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, s: s, fx: fx, cells: l.Cells}
}

func (w *world) submit(id ReqID, prompt int) {
	w.t.Helper()
	if err := w.s.Submit(id, prompt); err != nil {
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

// step plans and commits; "2:0+5!" is request 2, rows 0 to 4, the last one sampled.
func (w *world) step(ended ...ReqID) string {
	w.t.Helper()
	plan := w.s.Next(w.room())
	var outcomes []Outcome
	for _, r := range plan {
		if r.Last {
			outcomes = append(outcomes, Outcome{ID: r.ID, Tokens: 1 + w.forced[r.ID], Ended: slices.Contains(ended, r.ID)})
		}
	}
	w.forced = nil
	w.s.Commit(plan, outcomes)
	if err := w.s.Check(); err != nil {
		w.t.Fatal(err)
	}
	return show(plan)
}

func show(plan Plan) string {
	var parts []string
	for _, r := range plan {
		parts = append(parts, fmt.Sprintf("%d:%d+%d%s", r.ID, r.From, r.N, map[bool]string{true: "!"}[r.Last]))
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

func TestALongPromptIsComputedInChunksWhileADecodeWaits(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 100, Rows: 16, Chunk: 4, Queue: 9})
	w.submit(1, 3)
	w.wantSteps("1:0+3!", "1:3+1!")
	w.submit(2, 10)
	w.wantSteps("2:0+4", "1:4+1!", "2:4+4", "1:5+1!", "2:8+2!", "1:6+1! 2:10+1!")
}

func TestTheTailOfAPromptGetsAStepApart(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 100, Rows: 16, Chunk: 16, Queue: 9, Tail: 4})
	w.submit(1, 10)
	w.submit(2, 4)
	w.wantSteps("1:0+6 2:0+4!", "1:6+4!", "1:10+1! 2:4+1!")
}

func TestAloneAPromptUsesAllRows(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 100, Rows: 16, Chunk: 4, Queue: 9})
	w.submit(1, 20)
	w.wantSteps("1:0+16", "1:16+4!", "1:20+1!")
}

func TestFusedStepsHoldAllDecodesAndOneChunk(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 100, Rows: 16, Chunk: 4, Queue: 9, Fuse: true})
	w.submit(1, 3)
	w.wantSteps("1:0+3!")
	w.submit(2, 6)
	w.wantSteps("1:3+1! 2:0+4", "1:4+1! 2:4+2!", "1:5+1! 2:6+1!")
}

func TestShortPromptsShareAStep(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 200, Rows: 16, Chunk: 8, Queue: 9})
	w.submit(1, 3)
	w.submit(2, 4)
	w.submit(3, 20)
	w.wantSteps("1:0+3! 2:0+4! 3:0+9", "3:9+8", "1:3+1! 2:4+1!", "3:17+3!")
	w.fx.want(t, "start 1", "start 2", "start 3")
}

func TestACachedPrefixIsNotComputedAgain(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 100, Rows: 16, Chunk: 8, Queue: 9})
	w.fx.cached[1] = 7
	w.submit(1, 9)
	w.wantSteps("1:7+2!")
}

func TestForcedTokensAreDecodedTogether(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 1000, Rows: 20, Chunk: 20, Queue: 8})
	w.submit(1, 4)
	w.submit(2, 4)
	w.wantSteps("1:0+4! 2:0+4!")
	w.forced = map[ReqID]int{1: 3}
	w.wantSteps("1:4+1! 2:4+1!")
	w.submit(3, 40)
	w.wantSteps("3:0+20", "1:5+4! 2:5+1!")
	w.forced = map[ReqID]int{3: 15}
	w.wantSteps("3:20+20!")
	w.forced = map[ReqID]int{1: 15}
	w.wantSteps("1:9+1! 2:6+1! 3:40+16!") // more rows than one has don't leave another out
	w.wantSteps("1:10+16! 2:7+1! 3:56+1!")
	w.forced = map[ReqID]int{1: burst}
	w.wantSteps("1:26+1! 2:8+1! 3:57+1!")
	w.wantSteps("1:27+17!") // more than a decode may have goes the way of a prompt
}

func TestForcedTokensLeaveEachDecodeItsRow(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 1000, Rows: 20, Chunk: 20, Queue: 8})
	w.submit(1, 4)
	w.submit(2, 4)
	w.submit(3, 4)
	w.forced = map[ReqID]int{1: 15, 2: 15}
	w.wantSteps("1:0+4! 2:0+4! 3:0+4!", "1:4+16! 2:4+3 3:4+1!", "1:20+1! 2:7+13! 3:5+1!")
}

func TestNoMoreRunThanThereAreSequences(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 1, Cells: 200, Rows: 16, Chunk: 8, Queue: 9})
	w.submit(1, 3)
	w.submit(2, 3)
	w.wantSteps("1:0+3!", "1:3+1!")
	w.s.Cancel(1)
	w.wantSteps("2:0+3!")
}

func TestAFullCachePausesTheLatestStarted(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 50, Rows: 32, Chunk: 32, Queue: 9})
	w.submit(1, 10)
	w.submit(2, 10)
	w.wantSteps("1:0+10! 2:0+10!")
	for range 15 {
		w.step()
	}
	w.fx.want(t, "start 1", "start 2") // 25 cells each: full
	w.wantSteps("1:25+1!")
	w.fx.want(t, "start 1", "start 2", "pause 2")
	w.s.Cancel(1)
	w.wantSteps("2:0+26!")
}

func TestNoSlotPausesTheLatestButNeverTheOnlyOne(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 100, Rows: 32, Chunk: 32, Queue: 9})
	w.submit(1, 5)
	w.submit(2, 5)
	w.step()
	decode := w.s.Next(w.room())
	if !w.s.NoSlot(decode) || w.s.NoSlot(decode[:1]) {
		t.Error("want one pause, then none")
	}
	w.fx.want(t, "start 1", "start 2", "pause 2")
}

func TestAloneWithoutASlotTheNextStepIsHalfAsLarge(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 100, Rows: 32, Chunk: 32, Queue: 9})
	w.submit(1, 40)
	for want := 32; want > 1; want /= 2 {
		plan := w.s.Next(w.room())
		if plan.Len() != want || !w.s.NoSlot(plan) {
			t.Fatalf("%d rows planned, want %d and then half of it", plan.Len(), want)
		}
	}
	w.wantSteps("1:0+1", "1:1+32", "1:33+7!")
}

func TestThePausedComeBackBeforeLaterArrivals(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 2, Cells: 200, Rows: 32, Chunk: 32, Queue: 9})
	for id := ReqID(1); id <= 3; id++ {
		w.submit(id, 5)
	}
	w.step()
	w.s.NoSlot(w.s.Next(w.room()))
	w.step()
	w.fx.want(t, "start 1", "start 2", "pause 2", "start 2")
}

func TestSubmitRefuses(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 1, Cells: 10, Rows: 4, Chunk: 4, Queue: 1})
	if err := w.s.Submit(1, 11); !errors.Is(err, ErrTooLong) {
		t.Errorf("11 tokens into 10 cells: %v", err)
	}
	w.submit(2, 5)
	if err := w.s.Submit(3, 5); !errors.Is(err, ErrQueueFull) {
		t.Errorf("a second in a queue of one: %v", err)
	}
}

func TestNewRefusesLimitsThatCannotWork(t *testing.T) {
	for name, l := range map[string]Limits{
		"nothing":                     {},
		"a chunk above the rows":      {Seqs: 1, Cells: 9, Rows: 4, Chunk: 5, Queue: 1},
		"more sequences than rows":    {Seqs: 5, Cells: 9, Rows: 4, Chunk: 4, Queue: 1},
		"a queue that takes nobody":   {Seqs: 1, Cells: 9, Rows: 4, Chunk: 4},
		"a cache that holds no token": {Seqs: 1, Rows: 4, Chunk: 4, Queue: 1},
	} {
		if _, err := New(l, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
