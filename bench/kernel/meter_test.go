package kernel

import (
	"errors"
	"testing"
	"time"

	"github.com/moltbot/moltbot/engine"
)

// late is a backend that computes when its logits are asked for, as a GPU does.
type late struct {
	engine.Backend
	aborted bool
}

func (*late) Decode([]engine.Row) error { return nil }
func (*late) Logits(int) []float32      { time.Sleep(2 * time.Millisecond); return nil }
func (b *late) Abort()                  { b.aborted = true }

func TestWaitingForTheFirstLogitsIsComputing(t *testing.T) {
	m := NewMeter(&late{})
	w := newWindow(1, 0, 1)
	m.open(w)
	row := []engine.Row{{Output: true}}
	if err := m.Decode(row); err != nil {
		t.Fatal(err)
	}
	m.Logits(0)
	m.Logits(0) // what comes later is fetching
	if err := m.Decode(row); !errors.Is(err, engine.ErrAborted) {
		t.Errorf("a step after the last one: %v", err)
	}
	s := <-w.done
	if s.inside < 2*time.Millisecond || s.wall < s.inside+2*time.Millisecond {
		t.Errorf("got %+v", s)
	}
}

func TestAMeterThatHoldsLetsNothingThrough(t *testing.T) {
	m := NewMeter(nil)
	m.hold()
	if err := m.Decode(nil); !errors.Is(err, engine.ErrAborted) {
		t.Errorf("got %v", err)
	}
}

func TestAbortReachesTheBackend(t *testing.T) {
	b := &late{}
	NewMeter(b).Abort()
	if !b.aborted {
		t.Error("it did not")
	}
}

func TestAWindowOpensAtTheFirstFullStep(t *testing.T) {
	row := func(pos engine.Pos, output bool) engine.Row { return engine.Row{Pos: pos, Output: output} }
	for _, c := range []struct {
		rule string
		rows []engine.Row
		want bool
	}{
		{"a row for each sequence", []engine.Row{row(4, true), row(5, true)}, true},
		{"a sequence is missing", []engine.Row{row(4, true)}, false},
		{"the last row of a prompt", []engine.Row{row(3, true), row(5, true)}, false},
		{"the middle of a prompt", []engine.Row{row(4, false), row(5, true)}, false},
	} {
		if timed, _ := newWindow(2, 4, 1).enter(c.rows, time.Now()); timed != c.want {
			t.Errorf("%s: got %v", c.rule, timed)
		}
	}
}

func TestAStepThatIsNotFullBeginsTheWindowAnew(t *testing.T) {
	w, start := newWindow(1, 0, 2), time.Now()
	full, drafted := []engine.Row{{Output: true}}, []engine.Row{{Output: true}, {Pos: 1, Output: true}}
	at := func(i int) time.Time { return start.Add(time.Duration(i) * time.Second) }
	for i, rows := range [][]engine.Row{full, drafted, full, full} {
		if timed, over := w.enter(rows, at(i)); timed != (i != 1) || over {
			t.Errorf("step %d: timed %v, over %v", i, timed, over)
		}
	}
	if _, over := w.enter(full, at(4)); !over {
		t.Error("the window is not over after two full steps")
	}
	if s := <-w.done; s.wall != 2*time.Second {
		t.Errorf("it lasted %v, want two steps", s.wall)
	}
}

func TestAnEngineOverAMeterNeverDrafts(t *testing.T) {
	g := Grid{Prompts: []int{40}, Output: 60, Batches: []int{1, 4}}
	b := rig(t, g, 4, func(_ int, rows []engine.Row) error {
		seen := map[engine.SeqID]bool{}
		for _, r := range rows {
			if r.Output && seen[r.Seq] {
				t.Errorf("sequence %d has two rows that give scores", r.Seq)
			}
			seen[r.Seq] = r.Output
		}
		return nil
	})
	b.Choices = Choices{} // greedy text repeats
	b.lines(t)
}
