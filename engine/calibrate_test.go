package engine_test

import (
	"errors"
	"testing"
	"time"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/enginetest"
)

// calibrated counts what a calibration asks of a toy.
type calibrated struct {
	scored  int // steps in which several rows give scores
	deepest engine.Pos
}

func TestCalibrationMeasuresRowsScoresAndCells(t *testing.T) {
	for _, c := range []struct {
		rule   string
		shape  engine.Shape
		budget time.Duration
		points int
		scores bool
		deep   engine.Pos // rows reach so far at least
	}{
		{"all of it", engine.Shape{Cells: 1000, Seqs: 2, Rows: 128, Outputs: 16}, time.Minute, 14, true, 640},
		{"every row may give scores", engine.Shape{Cells: 1000, Seqs: 2, Rows: 128}, time.Minute, 14, true, 640},
		{"few cells", engine.Shape{Cells: 40, Seqs: 2, Rows: 128, Outputs: 16}, time.Minute, 8, true, 0},
		{"one row", engine.Shape{Cells: 1000, Seqs: 1, Rows: 1, Outputs: 1}, time.Minute, 1, false, 640},
		{"no time", engine.Shape{Cells: 1000, Seqs: 2, Rows: 128, Outputs: 16}, 0, 1, false, 0},
	} {
		t.Run(c.rule, func(t *testing.T) {
			toy := enginetest.NewToy(t, c.shape)
			var got calibrated
			toy.Before = func(_ int, rows []engine.Row) error { got.sees(rows); return nil }
			costs, err := engine.Calibrate(toy, c.budget)
			if err != nil || costs.Check() != nil {
				t.Fatalf("%v: %v", err, costs.Check())
			}
			if len(costs.Points) != c.points || (got.scored > 0) != c.scores || got.deepest < c.deep {
				t.Errorf("%d points, %+v", len(costs.Points), got)
			}
			if !toy.CanResume(0, 0) || toy.CanResume(0, 1) {
				t.Error("cells are left in use")
			}
		})
	}
}

func (c *calibrated) sees(rows []engine.Row) {
	scores := 0
	for _, r := range rows {
		if c.deepest = max(c.deepest, r.Pos); r.Output {
			scores++
		}
	}
	if scores > 1 {
		c.scored++
	}
}

func TestCalibrationTellsWhichStepFailed(t *testing.T) {
	broken := errors.New("broken")
	for at := 1; at <= 160; at += 3 {
		toy := enginetest.NewToy(t, engine.Shape{Cells: 1000, Seqs: 2, Rows: 128, Outputs: 16})
		last := 0
		toy.Before = func(step int, _ []engine.Row) error {
			if last = step; step == at {
				return broken
			}
			return nil
		}
		if _, err := engine.Calibrate(toy, time.Minute); last >= at && !errors.Is(err, broken) {
			t.Errorf("step %d failed: %v", at, err)
		}
	}
}
