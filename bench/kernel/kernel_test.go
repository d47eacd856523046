package kernel

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/enginetest"
	"github.com/moltbot/moltbot/engine/sample"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a bench on a toy whose steps go through before.
func rig(t *testing.T, g Grid, seqs int, before func(step int, rows []engine.Row) error) Bench {
	t.Helper()
	const rows = 64
	limits := g.Limits(rows)
	toy := enginetest.NewToy(t, engine.Shape{Cells: limits.Cells, Seqs: seqs, Rows: rows})
	toy.Before = before
	meter := NewMeter(toy)
	e, err := engine.New(meter, enginetest.Vocab{}, engine.Config{
		Context: limits.Context, Costs: Proportional(), Limits: engine.Limits{Queue: 64},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { enginetest.Close(t, e) })
	return Bench{Engine: e, Meter: meter, Grid: g, Choices: Choices{Sampling: sample.Params{Temperature: 1}}}
}

func (b Bench) lines(t *testing.T) (all []Line) {
	t.Helper()
	if err := b.Run(t.Context(), func(l Line) error { all = append(all, l); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestTheWholeGridIsMeasured(t *testing.T) {
	g := Grid{Prompts: []int{1, 100}, Output: 5, Batches: []int{1, 3, 8}}
	got := rig(t, g, 8, nil).lines(t)
	if len(got) != 6 {
		t.Fatalf("got %d lines, want 6", len(got))
	}
	for i, l := range got {
		pp, batch := g.Prompts[i/3], g.Batches[i%3]
		if l.PP != pp || l.B != batch || l.TG != 5 || l.NKV != batch*(pp+5) {
			t.Errorf("line %d is %+v", i, l)
		}
		if l.TPP <= 0 || l.TTG <= 0 || l.Outside <= 0 || l.Outside >= l.TTG || l.T != l.TPP+l.TTG ||
			l.SPP != float64(batch*pp)/l.TPP || l.STG != float64(batch*5)/l.TTG || l.S != float64(l.NKV)/l.T {
			t.Errorf("the times of line %d don't fit together: %+v", i, l)
		}
	}
}

func TestStepsAreAsFullAsTheyCanBe(t *testing.T) {
	var steps []int // rows
	g := Grid{Prompts: []int{40}, Output: 4, Batches: []int{3}}
	rig(t, g, 3, func(_ int, rows []engine.Row) error {
		steps = append(steps, len(rows))
		return nil
	}).lines(t)
	// 120 tokens to prefill, twice, then the steps that are measured and no more.
	if want := []int{64, 56, 64, 56, 3, 3, 3, 3}; !slices.Equal(steps, want) {
		t.Errorf("steps of %v rows, want %v", steps, want)
	}
}

func TestComputingIsNotOutside(t *testing.T) {
	const pause = 3 * time.Millisecond
	g := Grid{Prompts: []int{8}, Output: 4, Batches: []int{2}}
	l := rig(t, g, 2, func(int, []engine.Row) error { time.Sleep(pause); return nil }).lines(t)[0]
	if inside := l.TTG - l.Outside; inside < 4*pause.Seconds() {
		t.Errorf("four steps computed for %v s, want %v at least", inside, 4*pause)
	}
}

func TestFailuresEndTheRun(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		rule   string
		seqs   int
		before func(int, []engine.Row) error
		want   error
	}{
		{"fewer sequences than asked for", 2, nil, errNeverFull},
		{"a backend that fails in the prefill", 4, func(int, []engine.Row) error { return broken }, broken},
		{"a backend that fails in the decode", 4, func(step int, _ []engine.Row) error {
			if step == 3 {
				return broken
			}
			return nil
		}, broken},
	} {
		t.Run(c.rule, func(t *testing.T) {
			b := rig(t, Grid{Prompts: []int{4}, Output: 8, Batches: []int{4}}, c.seqs, c.before)
			if err := b.Run(t.Context(), func(Line) error { return nil }); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestTheCallerCanEndTheRun(t *testing.T) {
	g := Grid{Prompts: []int{4}, Output: 8, Batches: []int{1, 2, 3, 4}}
	enough := errors.New("enough")
	n := 0
	err := rig(t, g, 4, nil).Run(t.Context(), func(Line) error { n++; return enough })
	if !errors.Is(err, enough) || n != 1 {
		t.Errorf("by yield: %d lines and %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = rig(t, g, 4, func(step int, _ []engine.Row) error {
		if step == 3 {
			cancel()
		}
		return nil
	}).Run(ctx, func(Line) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("by the context: %v", err)
	}
}
