package batching

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPredictFollowsTheTable(t *testing.T) {
	c := Costs{Points: []Point{{4, 40 * ms}, {8, 60 * ms}, {16, 140 * ms}}, Scores: []float64{0, 2e6, 4e6, 6e6, 8e6}, Cell: 1000}
	for _, step := range []struct {
		rule string
		Step
		want time.Duration
	}{
		{"no rows take no time", Step{Cells: 100}, 0},
		{"below the first point as long as there", Step{Rows: 1}, 40 * ms},
		{"at a point what was measured", Step{Rows: 8}, 60 * ms},
		{"between points in proportion", Step{Rows: 12}, 100 * ms},
		{"beyond the last as steeply as before it", Step{Rows: 24}, 220 * ms},
		{"each cell makes each row dearer", Step{Rows: 8, Cells: 500}, 64 * ms},
		{"the scores of one row are in the table", Step{Rows: 8, Outputs: 1}, 60 * ms},
		{"those of each further row cost extra", Step{Rows: 8, Outputs: 5}, 68 * ms},
	} {
		if got := c.Predict(step.Step); got != step.want {
			t.Errorf("%s: %v, want %v", step.rule, got, step.want)
		}
	}
	if got := (&Costs{Points: []Point{{2, 10 * ms}}}).Predict(Step{Rows: 6}); got != 30*ms {
		t.Errorf("a lone point goes on in proportion: %v, want 30ms", got)
	}
}

func TestObserveComesToBelieveWhatStepsTake(t *testing.T) {
	c := Costs{Points: []Point{{1, 10 * ms}, {8, 20 * ms}, {64, 100 * ms}}}
	for range 200 {
		c.Observe(Step{Rows: 8}, 30*ms)
	}
	if got := c.Predict(Step{Rows: 8}); got < 29*ms || got > 31*ms {
		t.Errorf("after 200 steps of 8 rows in 30ms they are predicted to take %v", got)
	}
	if got := c.Predict(Step{Rows: 64}); got < 100*ms || got > 115*ms {
		t.Errorf("steps of 8 rows say little of 64, which are predicted to take %v now", got)
	}
}

// linear are the prices of scores where each row's take as long.
func linear(row float64) (scores []float64) {
	for n := range 16 {
		scores = append(scores, row*float64(n))
	}
	return scores
}

// TestAWrongPriceOfCellsIsUnlearned: it is measured over few cells, where noise is
// large, or not at all.
func TestAWrongPriceOfCellsIsUnlearned(t *testing.T) {
	truth := Costs{Points: []Point{{1, 6 * ms}, {8, 25 * ms}, {64, 130 * ms}}, Cell: 200}
	for _, wrong := range []float64{3000, 0} {
		c := Costs{Points: []Point{{1, 6 * ms}, {8, 25 * ms}, {64, 130 * ms}}, Cell: wrong}
		for n := range 600 {
			step := Step{Rows: []int{8, 1, 64}[n%3], Cells: []int{0, 2000, 6000}[n/3%3]}
			c.Observe(step, truth.Predict(step))
		}
		for _, cells := range []int{0, 6000} {
			step := Step{Rows: 64, Cells: cells}
			if got, want := c.Predict(step), truth.Predict(step); got > want*5/4 || got < want*4/5 {
				t.Errorf("from %v ns a cell on, 64 rows beside %d cells are predicted to take %v, they take %v", wrong, cells, got, want)
			}
		}
	}
}

// TestAWrongPriceOfScoresIsUnlearned: it is measured at one size only.
func TestAWrongPriceOfScoresIsUnlearned(t *testing.T) {
	truth := Costs{Points: []Point{{1, 6 * ms}, {8, 25 * ms}, {64, 130 * ms}}, Scores: linear(1e6)}
	c := Costs{Points: []Point{{1, 6 * ms}, {8, 25 * ms}, {64, 130 * ms}}, Scores: linear(5e6)}
	for n := range 900 {
		step := Step{Rows: []int{8, 1, 64}[n%3], Outputs: []int{1, 8, 48}[n/3%3]}
		step.Outputs = min(step.Outputs, step.Rows)
		c.Observe(step, truth.Predict(step))
	}
	for _, step := range []Step{{Rows: 64, Outputs: 1}, {Rows: 64, Outputs: 48}} {
		if got, want := c.Predict(step), truth.Predict(step); got > want*5/4 || got < want*4/5 {
			t.Errorf("%+v is predicted to take %v, it takes %v", step, got, want)
		}
	}
}

func TestAnOutlierCountsAsTwiceTheTime(t *testing.T) {
	once, twice := Costs{Points: []Point{{8, 20 * ms}}}, Costs{Points: []Point{{8, 20 * ms}}}
	once.Observe(Step{Rows: 8}, time.Hour)
	twice.Observe(Step{Rows: 8}, 40*ms)
	if once.Points[0] != twice.Points[0] {
		t.Errorf("an hour moves a step of 20ms to %v, 40ms to %v", once.Points[0].Time, twice.Points[0].Time)
	}
}

// TestTheTableStaysInOrder: whatever is observed, more rows never take less time.
func TestTheTableStaysInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Costs{Points: []Point{{1, 10 * ms}, {4, 11 * ms}, {8, 20 * ms}, {64, 100 * ms}}, Scores: linear(1e6), Cell: 100}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			took := time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "took"))
			rows := rapid.IntRange(0, 200).Draw(t, "rows")
			c.Observe(Step{rows, rapid.IntRange(0, rows).Draw(t, "outputs"), rapid.IntRange(0, 1000).Draw(t, "cells")}, took)
		}
		if err := c.Check(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCostsAreTheSameAfterJSON(t *testing.T) {
	c := Costs{Points: []Point{{1, 5901131}, {256, 528115152}}, Scores: []float64{0, 1163000.5}, Cell: 2908.42578125}
	text, err := json.Marshal(&c)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"points":[{"rows":1,"nanoseconds":5901131},{"rows":256,"nanoseconds":528115152}],"scores":[0,1163000.5],"cell":2908.42578125}`; string(text) != want {
		t.Errorf("the file reads %s, want %s", text, want)
	}
	var back Costs
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, c) {
		t.Errorf("%+v came back as %+v, %v", c, back, err)
	}
}

func TestCostsThatCannotBeAreRefused(t *testing.T) {
	for rule, c := range map[string]*Costs{
		"no table":                         nil,
		"no points":                        {},
		"fewer rows after more":            {Points: []Point{{8, 10}, {4, 20}}},
		"more rows in less time":           {Points: []Point{{4, 20}, {8, 10}}},
		"no time":                          {Points: []Point{{4, 0}}},
		"a cell that makes a step shorter": {Points: []Point{{4, 10}}, Cell: -1},
		"scores that make it shorter":      {Points: []Point{{4, 10}}, Scores: []float64{0, -1}},
	} {
		if c.Check() == nil {
			t.Errorf("%s: accepted", rule)
		}
	}
}
