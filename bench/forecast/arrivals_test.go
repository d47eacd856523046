package forecast

import (
	"context"
	"testing"
	"time"

	"github.com/moltbot/moltbot/batching"
	"github.com/moltbot/moltbot/batching/sim"
	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/enginetest"
	"pgregory.net/rapid"
)

func TestArrivalsAreWithinTheirBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		last, shared := time.Duration(0), map[string]int{}
		for i, a := range Draw(rapid.Uint64().Draw(t, "seed"), 60) {
			if a.At < last || a.Answer < 8 || a.Answer > 64 || a.Job.Prompt < 16 || a.Job.Prompt > 400 {
				t.Fatalf("arrival %d: %+v after one at %v", i, a, last)
			}
			if last = a.At; a.Family == "" {
				continue
			}
			if n, known := shared[a.Family]; known && n != a.Shared || a.Shared < 100 || a.Shared > 300 || a.Family[:1] != a.Job.Tenant {
				t.Fatalf("arrival %d shares %d tokens of %q, others %d", i, a.Shared, a.Family, n)
			}
			shared[a.Family] = a.Shared
		}
	})
}

func TestLoadIsAPartOfWhatTheMachineCanDo(t *testing.T) {
	limits := batching.Limits{Seqs: 4, Cells: 4000, Rows: 128, Queue: 100}
	costs := batching.Costs{Points: []batching.Point{{Rows: 1, Time: time.Millisecond}}}
	drawn := Draw(1, 40)
	half, err := Loaded(drawn, 0.5, limits, costs)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := Loaded(drawn, 1, limits, costs)
	if err != nil {
		t.Fatal(err)
	}
	for i := range drawn {
		if d := half[i].At - 2*whole[i].At; d < 0 || d > 1 { // rounded down
			t.Errorf("arrival %d comes at %v, with half the load at %v", i, whole[i].At, half[i].At)
		}
	}
}

// TestPlayServesAllArrivals as long as they asked for, families on what they share.
func TestPlayServesAllArrivals(t *testing.T) {
	toy := enginetest.NewToy(t, engine.Shape{Cells: 4000, Seqs: 4, Rows: 64})
	e, err := engine.New(toy, enginetest.Vocab{}, engine.Config{Limits: engine.Limits{Queue: 100}, Cache: engine.Cache{RAM: 1 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.WithoutCancel(t.Context()))
	arrivals := Draw(3, 20)
	for i := range arrivals {
		arrivals[i].At = 0
	}
	results, err := Play(t.Context(), e, toy.Shape().Vocab, 3, arrivals)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r.Start == 0 || r.End < r.Start {
			t.Errorf("arrival %d started at %v and ended at %v", i, r.Start, r.End)
		}
	}
	if m := sim.Measure(results); m.Served != len(arrivals) || m.Cached == 0 {
		t.Errorf("got %+v", m)
	}
}
