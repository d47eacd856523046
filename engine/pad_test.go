package engine_test

import (
	"sync"
	"testing"
	"time"

	"github.com/moltbot/moltbot/batching"
	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/enginetest"
)

// fours are costs by which the scores of whole fours take no time.
func fours() *batching.Costs {
	c := &batching.Costs{Points: []batching.Point{{Rows: 1, Time: time.Millisecond}, {Rows: 64, Time: 64 * time.Millisecond}}}
	for n := 1; n <= 8; n++ {
		c.Scores = append(c.Scores, float64(min(n-1, (8-n)%4))*1e8)
	}
	return c
}

func TestBatchesArePaddedWhereThatIsFaster(t *testing.T) {
	for _, c := range []struct {
		rule  string
		shape engine.Shape
		pads  bool
	}{
		{"where there is room", engine.Shape{Seqs: 6, Pads: true}, true},
		{"not on a backend that doesn't take such rows", engine.Shape{Seqs: 6}, false},
		{"to no more rows than may give scores, whatever pads", engine.Shape{Seqs: 6, Outputs: 6, Pads: true}, true},
	} {
		t.Run(c.rule, func(t *testing.T) {
			uneven, pads := 0, 0
			rig := enginetest.Start(t, enginetest.Options{Shape: c.shape, Costs: fours(), Before: func(_ int, rows []engine.Row) error {
				outputs := 0
				for _, r := range rows {
					if r.Output {
						outputs++
					}
					if r.Seq == engine.PadSeq {
						pads++
					}
				}
				if outputs > 1 && outputs%4 != 0 {
					uneven++
				}
				if c.shape.Outputs > 0 && outputs > c.shape.Outputs {
					t.Errorf("%d rows of a step give scores", outputs)
				}
				return nil
			}})
			var all sync.WaitGroup
			for _, prompt := range []string{"one", "two", "three", "four", "five", "six"} {
				all.Go(func() {
					r := request(prompt, 40)
					wantToy(t, complete(t, rig.Engine, r), r)
				})
			}
			all.Wait()
			wantIdle(t, rig)
			if limited := c.shape.Outputs > 0; !limited && ((pads > 0) != c.pads || c.pads && uneven > 0) {
				t.Errorf("%d rows only fill up, %d batches are uneven", pads, uneven)
			}
		})
	}
}

func TestPaddingTakesFreeCellsOnly(t *testing.T) {
	const cells = 120
	var toy *enginetest.Toy
	padded, crowded := 0, 0
	rig := enginetest.Start(t, enginetest.Options{
		Shape: engine.Shape{Seqs: 6, Cells: cells, Pads: true}, Context: 60, Costs: fours(),
		Wrap: func(made *enginetest.Toy) engine.Backend { toy = made; return made },
		Before: func(_ int, rows []engine.Row) error {
			if rows[len(rows)-1].Seq == engine.PadSeq {
				if padded++; toy.Cells()+len(rows) > cells {
					crowded++
				}
			}
			return nil
		},
	})
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			r := request("a prompt of some length", 30)
			wantToy(t, complete(t, rig.Engine, r), r)
		})
	}
	all.Wait()
	wantIdle(t, rig)
	if padded == 0 || crowded > 0 {
		t.Errorf("%d batches are padded, %d of them beyond the cells", padded, crowded)
	}
}
