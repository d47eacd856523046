//go:build cgo

package forecast

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/moltbot/moltbot/batching"
	"github.com/moltbot/moltbot/batching/sim"
	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/llama"
	"github.com/moltbot/moltbot/internal/testmodel"
)

var (
	record = flag.String("record", "", "file that gets the last run, for the tests of batching/sim")
	source = flag.String("source", "", "what the file says of the machine and the day")
)

// calibration is how long cmd/moltbot measures steps at the first start on a machine.
const calibration = 4 * time.Second

// rig is SmolLM2 as moltbot serves it by default, but without drafts and on one thread:
// two that wait for each other are slowed down by anything else that runs.
type rig struct {
	engine *engine.Engine
	vocab  int
	costs  *batching.Costs // the engine's own
}

// open starts an engine with costs that an earlier one has left; none: it measures them.
func open(b *testing.B, costs *batching.Costs) rig {
	b.Helper()
	m, err := llama.Open(b.Context(), llama.Options{
		Path: testmodel.Path(b, "smollm2"), Cells: 8192, Seqs: 16, Rows: 512, Threads: 1, KVType: "f16",
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(m.Template.Close)
	if costs == nil {
		costs, err = engine.Calibrate(m.Backend, calibration)
	}
	if err != nil {
		b.Fatal(err)
	}
	e, err := engine.New(m.Backend, m.Vocab, engine.Config{
		Costs: costs, NoDrafts: true,
		Limits: engine.Limits{Queue: 256, Step: 50 * time.Millisecond, Age: 10 * time.Second},
		Cache:  engine.Cache{RAM: 1 << 30},
	})
	if err != nil {
		b.Fatal(err)
	}
	return rig{e, m.Backend.Shape().Vocab, costs}
}

// play plays random arrivals and returns what became of them.
func (r rig) play(b *testing.B, l load, seed uint64) sim.Recording {
	b.Helper()
	defer r.engine.Close(context.WithoutCancel(b.Context()))
	rec := sim.Recording{Source: *source, Limits: r.engine.Limits(), Before: cloned(r.costs)}
	arrivals, err := Loaded(Draw(seed, l.requests), l.part, rec.Limits, rec.Before)
	if err != nil {
		b.Fatal(err)
	}
	results, err := Play(b.Context(), r.engine, r.vocab, seed, arrivals)
	if err != nil {
		b.Fatal(err)
	}
	r.engine.Close(b.Context()) // from here on nobody refines the costs
	rec.After, rec.Requests = cloned(r.costs), sim.Record(results)
	return rec
}

func cloned(c *batching.Costs) batching.Costs {
	copied := *c
	copied.Points = slices.Clone(c.Points)
	return copied
}

// report says how far predictions with these costs are off.
func report(b *testing.B, r *sim.Recording, name string, costs batching.Costs) {
	b.Helper()
	predicted, err := r.Replay(costs)
	if err != nil {
		b.Fatal(err)
	}
	real, simulated := sim.Measure(r.Results()), sim.Measure(predicted)
	b.Logf("%s: real %+v", name, real)
	b.Logf("%s: simulated %+v", name, simulated)
	for _, ratio := range simulated.Over(real) {
		b.ReportMetric(ratio.Value, name+"-"+ratio.Measure)
	}
}

// load is how much is asked of the machine.
type load struct {
	name     string
	part     float64 // of what it could do
	requests int
	seeds    uint64
}

// BenchmarkForecast reports simulated over real for makespan, time to the first
// token, latency and output rate: with the costs as they were before the run, and
// as the run has refined them. The first run has just measured them; the others
// have what the one before has left, as moltbot does from start to start.
func BenchmarkForecast(b *testing.B) {
	var left *batching.Costs
	for _, l := range []load{{"first", 0.75, 12, 1}, {"low", 0.35, 10, 5}, {"medium", 0.75, 16, 5}, {"over", 2, 20, 5}} {
		for seed := range l.seeds {
			b.Run(fmt.Sprintf("%s/%d", l.name, seed), func(b *testing.B) {
				var r sim.Recording
				for range b.N {
					r = open(b, left).play(b, l, seed)
				}
				report(b, &r, "before", r.Before)
				report(b, &r, "after", r.After)
				b.ReportMetric(0, "ns/op")
				left = &r.After
				save(b, r)
			})
		}
	}
}

func save(b *testing.B, r sim.Recording) {
	b.Helper()
	if *record == "" {
		return
	}
	text, err := json.MarshalIndent(r, "", "\t")
	if err == nil {
		err = os.WriteFile(*record, append(text, '\n'), 0o644)
	}
	if err != nil {
		b.Fatal(err)
	}
}
