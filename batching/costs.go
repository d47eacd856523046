package batching

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Point is the wall time of a step of that many rows in an empty cache.
type Point struct {
	Rows int           `json:"rows"`
	Time time.Duration `json:"nanoseconds"`
}

// Costs predicts steps. It is measured at start, per machine and model, and
// refined by the steps that run. Only one goroutine touches it.
type Costs struct {
	Points []Point   `json:"points"` // by rows, one of which gives scores; more rows never take less time
	Scores []float64 `json:"scores"` // nanoseconds that the scores of 1, 2, … rows add to those of one; some counts take less than smaller ones
	Cell   float64   `json:"cell"`   // nanoseconds that a cell adds to each row that attends to it
}

// Step is what the wall time of a step depends on.
type Step struct {
	Rows    int // in whole passes of the kernels
	Outputs int // of these, rows that give scores
	Cells   int // that a row attends to, on average
}

// Check returns an error when the table can't be used.
func (c *Costs) Check() error {
	if c == nil || len(c.Points) == 0 {
		return errors.New("batching: the table of costs is empty")
	}
	last := Point{}
	for _, p := range c.Points {
		if p.Rows <= last.Rows || p.Time < last.Time || p.Time <= 0 {
			return fmt.Errorf("batching: the table of costs is out of order: %d rows in %v after %d in %v", p.Rows, p.Time, last.Rows, last.Time)
		}
		last = p
	}
	if bad := func(ns float64) bool { return !(ns >= 0) }; bad(c.Cell) || slices.ContainsFunc(c.Scores, bad) {
		return fmt.Errorf("batching: a cell costs %v ns, scores %v", c.Cell, c.Scores)
	}
	return nil
}

// Predict returns the wall time of a step, padded where that pays. Between the
// points it interpolates, beyond the last it goes on as steeply as before it.
func (c *Costs) Predict(s Step) time.Duration {
	if s.Rows <= 0 {
		return 0
	}
	return time.Duration(c.exact(c.padded(s)))
}

// exact returns the nanoseconds of a step as it is.
func (c *Costs) exact(s Step) float64 {
	return float64(c.table(s.Rows)) + c.scores(s.Outputs) + c.cells(s)
}

// cells returns the nanoseconds for what the rows attend to.
func (c *Costs) cells(s Step) float64 { return c.Cell * float64(s.Cells) * float64(s.Rows) }

func (c *Costs) table(rows int) time.Duration {
	i := c.above(rows)
	if i == 0 {
		return c.Points[0].Time
	}
	lo, hi := c.segment(i)
	slope := float64(hi.Time-lo.Time) / float64(hi.Rows-lo.Rows)
	return lo.Time + time.Duration(slope*float64(rows-lo.Rows))
}

// above returns the index of the first point of at least so many rows.
func (c *Costs) above(rows int) int {
	i, _ := slices.BinarySearchFunc(c.Points, rows, func(p Point, rows int) int { return p.Rows - rows })
	return i
}

// segment returns the points before and at i; beyond the last the last two. A
// lone point is continued in proportion.
func (c *Costs) segment(i int) (lo, hi Point) {
	i = min(i, len(c.Points)-1)
	if i == 0 {
		return Point{}, c.Points[0]
	}
	return c.Points[i-1], c.Points[i]
}

// Of what a step took besides the prediction, a sixteenth is believed, and an
// outlier (another process, a page fault) counts as twice or half the time. A
// quarter of that is believed of all steps: the whole machine is faster or slower
// than it was, and a step that seems too long is never tried. Cells are taken for a
// quarter of a prediction at least, or a price of nothing would stay one.
const (
	believe = 1. / 16
	outlier = 2.
	common  = 1. / 4
	learnt  = 1. / 4
)

// Observe hears how long a step took and moves the points around it, and all of
// them a little; and the prices of a cell and of scores as far as the prediction
// came from them.
func (c *Costs) Observe(s Step, took time.Duration) {
	if s.Rows <= 0 || took <= 0 {
		return
	}
	s = c.padded(s)
	predicted := c.exact(s)
	ratio := min(outlier, max(1/outlier, float64(took)/predicted))
	off := (ratio - 1) * believe
	inScores, inCells := c.scores(s.Outputs)/predicted, c.cells(s)/predicted
	for i := range c.Scores {
		c.Scores[i] *= 1 + off*inScores
	}
	if s.Cells > 0 {
		part := max(inCells, learnt)
		c.Cell = max(0, c.Cell+off*part*part*predicted/float64(s.Cells*s.Rows))
	}
	for i := range c.Points {
		c.Points[i].Time = max(1, time.Duration(float64(c.Points[i].Time)*(1+off*common)))
	}
	i := c.above(s.Rows)
	for _, at := range []int{i - 1, i} {
		if at >= 0 && at < len(c.Points) {
			c.scale(at, 1+off*(1-inScores-inCells)*c.nearness(at, s.Rows))
		}
	}
}

// nearness returns how much a step of that many rows says of a point: 1 at the
// point, 0 at its neighbours.
func (c *Costs) nearness(at, rows int) float64 {
	p := c.Points[at].Rows
	next := at + 1
	if rows < p {
		next = at - 1
	}
	if rows == p || next < 0 || next >= len(c.Points) {
		return 1
	}
	return 1 - float64(rows-p)/float64(c.Points[next].Rows-p)
}

// scale moves a point; those that would be out of order move with it.
func (c *Costs) scale(at int, by float64) {
	t := max(1, time.Duration(float64(c.Points[at].Time)*by))
	c.Points[at].Time = t
	for i := range c.Points {
		if p := &c.Points[i]; i < at {
			p.Time = min(p.Time, t)
		} else {
			p.Time = max(p.Time, t)
		}
	}
}
