package batching

import (
	"errors"
	"slices"
	"testing"
	"time"
)

const ms = time.Millisecond

func TestALongPromptIsComputedInBudgetedStepsWhileADecodeWaits(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 100, Rows: 16, Step: 4 * ms, Queue: 9})
	w.submit(3)
	w.wantSteps("1:0+3!", "1:3+1!")
	w.submit(10)
	w.wantSteps("2:0+4", "1:4+1!", "2:4+4", "1:5+1!", "2:8+2!", "1:6+1! 2:10+1!")
}

func TestStepsOfPromptsAreWholePasses(t *testing.T) {
	l := Limits{Seqs: 4, Cells: 200, Rows: 32, Step: 11 * ms, Queue: 9, Align: 4}
	w := newWorld(t, l)
	w.submit(3)
	w.step()
	w.submit(40)
	w.wantSteps("2:0+8", "1:3+1!", "2:8+8", "1:4+1!") // 11 rows would fit
	l.Step = ms
	w = newWorld(t, l)
	w.submit(3)
	w.step()
	w.submit(40)
	w.wantSteps("2:0+4", "1:3+1!", "2:4+4") // one pass, however long it takes
}

func TestLongTextsMakePromptStepsShorter(t *testing.T) {
	costs := perRow(ms)
	costs.Cell = float64(ms) / 100 // 100 cells make a row twice as dear
	w := newPricedWorld(t, Limits{Seqs: 4, Cells: 300, Rows: 128, Step: 8 * ms, Queue: 9}, costs)
	w.submit(100)
	w.step()
	w.step()
	w.submit(40)
	if got := show(w.s.Next(w.room(), w.now)); got != "2:0+4" && got != "2:0+3" {
		t.Errorf("planned %q, want about half of the eight rows that a short text allows", got)
	}
}

func TestTheTailOfAPromptGetsAStepApart(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 100, Rows: 16, Queue: 9, Tail: 4})
	w.submit(10)
	w.submit(4)
	w.wantSteps("2:0+4! 1:0+6", "1:6+4!", "2:4+1! 1:10+1!")
}

func TestAloneAPromptUsesAllRows(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 100, Rows: 16, Step: 4 * ms, Queue: 9})
	w.submit(20)
	w.wantSteps("1:0+16", "1:16+4!", "1:20+1!")
}

func TestFusedStepsHoldAllDecodesAndWhatPromptRowsMayAdd(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 100, Rows: 16, Step: 4 * ms, Queue: 9, Fuse: true})
	w.submit(3)
	w.wantSteps("1:0+3!")
	w.submit(6)
	w.wantSteps("1:3+1! 2:0+4", "1:4+1! 2:4+2!", "1:5+1! 2:6+1!")
}

func TestShortPromptsShareAStepBeforeLongOnes(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 200, Rows: 16, Step: 8 * ms, Queue: 9})
	w.submit(20)
	w.submit(4)
	w.submit(3)
	w.wantSteps("3:0+3! 2:0+4! 1:0+9", "1:9+8", "3:3+1! 2:4+1!", "1:17+3!")
	w.fx.want(t, "start 3", "start 2", "start 1")
}

func TestAShortPromptOvertakesARunningLongOneThatKeepsAQuarter(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 900, Rows: 16, Queue: 9})
	w.submit(200)
	w.wantSteps("1:0+16")
	w.submit(10)
	w.submit(30)
	w.wantSteps("2:0+10! 3:0+2 1:16+4")
}

func TestInStepsTooSmallToShareTheLongPromptHasItsTurns(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 8, Cells: 900, Rows: 8, Align: 4, Step: ms, Queue: 9})
	w.submit(2)
	w.step() // a decode makes prompt steps small from here on
	w.submit(400)
	for n := 0; w.s.live[2].computed == 0; n++ {
		w.step()
	}
	before := w.s.live[2].computed
	for range 32 {
		if _, waiting := w.s.Load(); waiting == 0 {
			w.submit(4)
		}
		w.step(slices.Collect(func(yield func(ReqID) bool) {
			for id := ReqID(3); id <= w.last; id++ {
				yield(id)
			}
		})...)
	}
	if got := w.s.live[2].computed - before; got < 16 {
		t.Errorf("in 16 prompt steps of 4 rows the long prompt had %d rows, want a quarter", got)
	}
}

func TestACachedPrefixIsNotComputedAgain(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 100, Rows: 16, Queue: 9})
	w.fx.prefix[1] = Prefix{Ready: 7}
	w.submit(9)
	w.wantSteps("1:7+2!")
}

func TestForcedTokensAreDecodedTogether(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 1000, Rows: 20, Queue: 8})
	w.submit(4)
	w.submit(4)
	w.wantSteps("1:0+4! 2:0+4!")
	w.forced = map[ReqID]int{1: 3}
	w.wantSteps("1:4+1! 2:4+1!")
	w.submit(40)
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
	w := newWorld(t, Limits{Seqs: 4, Cells: 1000, Rows: 20, Queue: 8})
	w.submit(4)
	w.submit(4)
	w.submit(4)
	w.forced = map[ReqID]int{1: 15, 2: 15}
	w.wantSteps("1:0+4! 2:0+4! 3:0+4!", "1:4+16! 2:4+3 3:4+1!", "1:20+1! 2:7+13! 3:5+1!")
}

func TestNoMoreRunThanThereAreSequences(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 1, Cells: 200, Rows: 16, Queue: 9})
	w.submit(3)
	w.submit(3)
	w.wantSteps("1:0+3!", "1:3+1!")
	w.s.Cancel(1)
	w.wantSteps("2:0+3!")
}

func TestEveryRowOfAPromptCountsAsAnOutput(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 200, Rows: 32, Outputs: 6, Queue: 9})
	w.job(Job{Prompt: 10, EveryRow: true})
	w.wantSteps("1:0+6", "1:6+4!", "1:10+1!")
}

func TestNoMoreAnswersBeginThanAStepHasOutputs(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 2, Cells: 200, Rows: 32, Outputs: 2, Queue: 9})
	w.job(Job{Prompt: 1, EveryRow: true})
	w.job(Job{Prompt: 9, EveryRow: true})
	w.wantSteps("1:0+1! 2:0+1", "2:1+2", "1:1+1!")
}

func TestWhoCouldNotStartInTimeIsNamedOnce(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 1, Cells: 100, Rows: 16, Queue: 9})
	w.job(Job{Prompt: 4, Deadline: w.now.Add(ms)})
	w.job(Job{Prompt: 4, Deadline: w.now.Add(ms)})
	w.job(Job{Prompt: 4, Deadline: w.now.Add(time.Hour)})
	if late := w.s.Expired(w.now.Add(ms)); late != nil {
		t.Errorf("%v are late before the deadline has passed", late)
	}
	w.step() // 1 has started
	if late := w.s.Expired(w.now.Add(2 * ms)); !slices.Equal(late, []ReqID{2}) {
		t.Errorf("%v are late, want request 2", late)
	}
	if late := w.s.Expired(w.now.Add(2 * ms)); late != nil {
		t.Errorf("%v are late again", late)
	}
}

func TestThePausedDoNotExpire(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 2, Cells: 100, Rows: 16, Queue: 9})
	w.submit(4)
	w.job(Job{Prompt: 4, Deadline: w.now.Add(ms)})
	w.step()
	w.s.NoSlot(w.plan())
	if late := w.s.Expired(w.now.Add(time.Hour)); late != nil {
		t.Errorf("%v are late, though they had started", late)
	}
}

func TestSubmitRefusesWhatNeverFits(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 1, Cells: 10, Rows: 4, Queue: 1})
	if err := w.s.Submit(Job{ID: 1, Prompt: 11}, w.now); !errors.Is(err, ErrTooLong) {
		t.Errorf("11 tokens into 10 cells: %v", err)
	}
}

func TestNewRefusesLimitsThatCannotWork(t *testing.T) {
	good := Limits{Seqs: 1, Cells: 9, Rows: 4, Queue: 1}
	for rule, spoil := range map[string]func(*Limits){
		"nothing runs":                     func(l *Limits) { l.Seqs = 0 },
		"more sequences than rows":         func(l *Limits) { l.Seqs = 5 },
		"more sequences than outputs":      func(l *Limits) { l.Seqs, l.Outputs = 3, 2 },
		"a queue that takes nobody":        func(l *Limits) { l.Queue = 0 },
		"a cache that holds no token":      func(l *Limits) { l.Cells = 0 },
		"kernels larger than a step":       func(l *Limits) { l.Align = 8 },
		"a negative time":                  func(l *Limits) { l.Step = -1 },
		"a tenant without a positive part": func(l *Limits) { l.Weights = map[string]float64{"a": 0} },
	} {
		l := good
		spoil(&l)
		if _, err := New(l, perRow(ms), nil); err == nil {
			t.Errorf("%s: accepted", rule)
		}
	}
	if _, err := New(good, &Costs{}, nil); err == nil {
		t.Error("costs that say nothing: accepted")
	}
}
