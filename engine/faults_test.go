package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/enginetest"
	"github.com/moltbot/moltbot/engine/sample"
)

// failing is a backend whose steps may fail.
type failing struct {
	*enginetest.Toy
	step int
	// fault tells whether a step fails, and how many of its rows are computed before.
	fault func(step int, rows []engine.Row) (computed int, err error)
}

func (f *failing) Decode(rows []engine.Row) error {
	f.step++
	n, err := f.fault(f.step, rows)
	if err == nil {
		return f.Toy.Decode(rows)
	}
	if n > 0 {
		if err := f.Toy.Decode(rows[:n]); err != nil {
			return err
		}
	}
	return err
}

func withFault(fault func(step int, rows []engine.Row) (int, error)) func(*enginetest.Toy) engine.Backend {
	return func(toy *enginetest.Toy) engine.Backend { return &failing{Toy: toy, fault: fault} }
}

var errDevice = errors.New("the device fell off the bus")

var shapes = map[string]engine.Shape{
	"full attention":  {},
	"sliding windows": {Window: 24},
	"recurrent":       {States: true},
	"fused":           {Fuse: true},
}

// outcomes sends n requests at once and counts those that failed with an engine's
// error; all others must have the toy's own text.
func outcomes(t *testing.T, e *engine.Engine, n int, cause error) (failed int) {
	t.Helper()
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			r := request(strings.Repeat("faults ", i%7)+fmt.Sprint(i), 40)
			a, err := try(e, r)
			if errs[i] = err; err == nil {
				wantToy(t, a, r)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			failed++
		}
		if err != nil && (!errors.Is(err, engine.ErrFailed) || !errors.Is(err, cause)) {
			t.Errorf("ended with %v, want %v", err, cause)
		}
	}
	return failed
}

// TestAFatalStepEndsItsOwnRequests and leaves nothing of what it has computed
// before it failed, which is nothing, a part or all.
func TestAFatalStepEndsItsOwnRequests(t *testing.T) {
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			inFault := 0
			rig := enginetest.Start(t, enginetest.Options{Shape: shape, Wrap: withFault(func(step int, rows []engine.Row) (int, error) {
				if step%9 != 1 {
					return 0, nil
				}
				inFault += sequences(rows)
				return len(rows) * (step / 9 % 3) / 2, errDevice
			})})
			if failed := outcomes(t, rig.Engine, 24, errDevice); failed == 0 || failed == 24 {
				t.Errorf("%d of 24 failed, some of each are wanted", failed)
			} else if failed != inFault {
				t.Errorf("%d failed, %d were in steps that did", failed, inFault)
			}
			wantIdle(t, rig)
		})
	}
}

// sequences counts those of a batch.
func sequences(rows []engine.Row) int {
	seen := map[engine.SeqID]bool{}
	for _, r := range rows {
		seen[r.Seq] = true
	}
	return len(seen)
}

// TestAnAbortWithoutAnOrderToStopIsRepeated: what was computed of the step is
// taken back. Where a memory can't go back, its request alone ends.
func TestAnAbortWithoutAnOrderToStopIsRepeated(t *testing.T) {
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			rig := enginetest.Start(t, enginetest.Options{Shape: shape, Wrap: withFault(func(step int, rows []engine.Row) (int, error) {
				if step%5 == 1 {
					return len(rows) * (step / 5 % 3) / 2, engine.ErrAborted
				}
				return 0, nil
			})})
			failed := outcomes(t, rig.Engine, 24, engine.ErrAborted)
			if failed > 0 && !shape.States && shape.Window == 0 {
				t.Errorf("%d failed, though their memory goes back", failed)
			}
			wantIdle(t, rig)
		})
	}
}

func TestNoSlotForgetsIdlePrefixesFirst(t *testing.T) {
	var rig *enginetest.Rig
	refused, after := 0, 0
	ready := make(chan struct{})
	rig = enginetest.Start(t, enginetest.Options{Before: func(_ int, rows []engine.Row) error {
		<-ready
		switch {
		case refused == 0 && rig.Load().Cells.Idle > 0:
			refused = len(rows)
			return engine.ErrNoSlot
		case refused > 0 && after == 0:
			after = len(rows)
			if idle := rig.Load().Cells.Idle; idle > 0 {
				t.Errorf("%d cells are still idle", idle)
			}
		}
		return nil
	}})
	close(ready)
	var wg sync.WaitGroup
	for _, n := range []int{50, 3, 50} {
		wg.Go(func() {
			r := request(fmt.Sprintf("%d tokens", n), n)
			a, err := try(rig.Engine, r)
			if err != nil {
				t.Error(err)
			}
			wantToy(t, a, r)
		})
	}
	wg.Wait()
	if refused == 0 || after == 0 {
		t.Errorf("%d rows were refused, %d computed then", refused, after)
	}
}

func TestWhatFailedWithNaNIsNotKept(t *testing.T) {
	rig := enginetest.Start(t, enginetest.Options{
		Cache: engine.Cache{RAM: 1 << 20},
		Wrap:  func(toy *enginetest.Toy) engine.Backend { return &poisoned{Toy: toy} },
	})
	r := request("the prompt of a request that fails", 50)
	if _, err := try(rig.Engine, r); !errors.Is(err, sample.ErrNaN) {
		t.Fatalf("ended with %v", err)
	}
	a := complete(t, rig.Engine, r)
	wantToy(t, a, r)
	if a.Usage.Cached != 0 {
		t.Errorf("%d tokens of what failed were reused", a.Usage.Cached)
	}
}

// TestNaNInADraftRowMattersOnlyWhenItsTurnComes: answers that end before it are
// whole, the others get all tokens before it and then the error.
func TestNaNInADraftRowMattersOnlyWhenItsTurnComes(t *testing.T) {
	prompt := tokens("abcabcabc")
	broken := len(prompt) + 20
	rig := enginetest.Start(t, enginetest.Options{Costs: free(), Scores: func(row []float32, history []engine.Token) {
		clear(row)
		row['a'+(len(history)-1)%3] = 9
		if len(history) == broken {
			row[7] = float32(math.NaN())
		}
	}})
	want := strings.Repeat("abc", 7)
	for n := 15; n < 26; n++ {
		a, err := try(rig.Engine, engine.Request{Prompt: prompt, MaxTokens: n})
		if n <= 20 && (err != nil || a.text != want[:n]) || n > 20 && (!errors.Is(err, sample.ErrNaN) || a.text != want[:20]) {
			t.Errorf("%d tokens: %q, %v", n, a.text, err)
		}
	}
	if steps, _ := rig.Toy.Steps(); steps > 11*20 {
		t.Errorf("%d steps: no draft came true", steps)
	}
	wantIdle(t, rig)
}

// stuck says that its memory goes back, and then refuses.
type stuck struct{ *enginetest.Toy }

func (s stuck) Remove(seq engine.SeqID, p0 engine.Pos) bool {
	return p0 == 0 && s.Toy.Remove(seq, p0)
}

// TestABrokenLedgerEndsTheEngineNotTheProcess: all that run and all that come get one error.
func TestABrokenLedgerEndsTheEngineNotTheProcess(t *testing.T) {
	e := enginetest.Start(t, enginetest.Options{
		Cache:  engine.Cache{RAM: 1 << 20, Disk: 1 << 20, Folder: t.TempDir()},
		Costs:  free(),
		Scores: func(row []float32, history []engine.Token) { clear(row); row['a'+len(history)%2+len(history)/20%2] = 9 },
		Wrap:   func(toy *enginetest.Toy) engine.Backend { return stuck{toy} },
	}).Engine
	streams, err := e.SubmitAll(context.Background(), []engine.Request{forever("one"), forever("two"), forever("three")})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range streams {
		if _, err := read(s); !errors.Is(err, engine.ErrFailed) || !strings.Contains(err.Error(), "truncate") {
			t.Errorf("ended with %v", err)
		}
	}
	for range 3 {
		if _, err := try(e, request("later", 5)); !errors.Is(err, engine.ErrFailed) {
			t.Errorf("afterwards: %v", err)
		}
	}
	e.Close(context.Background())
	if load := e.Load(); load.Running+load.Waiting > 0 {
		t.Errorf("%+v", load)
	}
}
