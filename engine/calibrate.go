package engine

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/moltbot/moltbot/batching"
)

// calibrated are the steps that are measured, by rows, of which the last gives scores.
var calibrated = []int{1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512}

const (
	mostDecodes = 16 // rows of the step that is measured with all their scores, and behind cells
	fewCells    = 128
	manyCells   = 640 // at most, behind which a cell's price is measured: it must stand out of the noise
	rounds      = 5   // in which they are measured
)

// Calibrate measures how long steps take on a backend whose cells are empty, and
// leaves them so. It stops adding larger steps when the budget is spent, and has half
// of it again for what scores add, and for what cells do.
func Calibrate(b Backend, budget time.Duration) (*batching.Costs, error) {
	m := &meter{backend: b, until: time.Now().Add(budget)}
	defer b.Remove(0, 0)
	costs := &batching.Costs{}
	for _, rows := range calibrated {
		if rows > min(b.Shape().Rows, b.Shape().Cells/2) || (rows > 1 && !time.Now().Before(m.until)) {
			break
		}
		took, err := m.best(rows)
		if err != nil {
			return nil, fmt.Errorf("engine: calibrate a step of %d rows: %w", rows, err)
		}
		costs.Points = append(costs.Points, batching.Point{Rows: rows, Time: took})
	}
	inOrder(costs.Points)
	return costs, m.prices(costs, budget/2)
}

// inOrder irons out noise: a step with more rows never takes less time. The
// later one is right, since a disturbance only adds.
func inOrder(points []batching.Point) {
	for i := len(points) - 2; i >= 0; i-- {
		points[i].Time = min(points[i].Time, points[i+1].Time)
	}
}

// meter times steps on sequence 0.
type meter struct {
	backend Backend
	until   time.Time
	held    int // cells of the sequence
}

const (
	repeats = 3 // of a step that is measured
	settled = 8 // of a decode, which is short: other processes disturb it, and most steps are decodes
)

// best returns the shortest of some steps, of fewer when time is short.
func (m *meter) best(rows int) (time.Duration, error) {
	var times []time.Duration
	for len(times) < enough(rows) && (len(times) == 0 || time.Now().Before(m.until)) {
		m.empty()
		took, err := m.step(rows, false)
		if err != nil {
			return 0, err
		}
		times = append(times, took)
	}
	return slices.Min(times), nil
}

// empty forgets what sequence 0 holds.
func (m *meter) empty() {
	m.backend.Remove(0, 0)
	m.held = 0
}

func enough(rows int) int {
	if rows <= mostDecodes {
		return settled
	}
	return repeats
}

// prices measures what scores and cells add to a step of some rows: without them
// a step of decodes is taken for half of what it is.
func (m *meter) prices(costs *batching.Costs, budget time.Duration) error {
	largest := costs.Points[len(costs.Points)-1].Rows
	rows := min(mostDecodes, cmp.Or(m.backend.Shape().Outputs, mostDecodes), largest)
	m.until = m.until.Add(budget)
	if err := m.scores(costs, rows); err != nil {
		return err
	}
	m.until = m.until.Add(budget)
	return m.cell(costs, rows, largest)
}

// scores sets what the scores of 2 to most rows add to those of one. Each round
// measures all of them, so that what disturbs a moment doesn't disturb one count
// alone. Without the time for one round it stays as far as it came, in whole fours.
func (m *meter) scores(costs *batching.Costs, most int) error {
	least := make([]time.Duration, 0, most)
	for round := 0; round < rounds && (round == 0 || time.Now().Before(m.until)); round++ {
		for n := 1; n <= most && (n <= len(least) || round == 0 && time.Now().Before(m.until)); n++ {
			m.empty()
			took, err := m.step(n, true)
			if err != nil {
				return fmt.Errorf("engine: calibrate the scores of %d rows: %w", n, err)
			}
			if n > len(least) {
				least = append(least, took)
			}
			least[n-1] = min(least[n-1], took)
		}
	}
	if len(least) < most {
		least = least[:len(least)/4*4]
	}
	for i, took := range least {
		added := float64(took - costs.Predict(batching.Step{Rows: i + 1}))
		costs.Scores = append(costs.Scores, max(0, added))
	}
	if len(costs.Scores) > 0 {
		costs.Scores[0] = 0
	}
	if !m.backend.Shape().Pads {
		rising(costs.Scores)
	}
	return nil
}

// rising irons out what only padding could make use of.
func rising(scores []float64) {
	for i := len(scores) - 2; i >= 0; i-- {
		scores[i] = min(scores[i], scores[i+1])
	}
}

// step times rows that follow what sequence 0 holds; all of them give scores, or the last.
func (m *meter) step(n int, scores bool) (time.Duration, error) {
	rows := make([]Row, n)
	for i := range rows {
		rows[i] = Row{Pos: Pos(m.held + i), Output: scores}
	}
	rows[n-1].Output = true
	began := time.Now()
	err := m.backend.Decode(rows)
	m.held += n
	return max(1, time.Since(began)), err
}

// cell sets the nanoseconds that a cell in use adds to a row: the shortest of some
// steps behind many cells against one in an empty cache. Where there are few
// cells, or no time to fill them, it stays 0.
func (m *meter) cell(costs *batching.Costs, rows, largest int) error {
	alone, err := m.least(rows, m.empty)
	if err != nil {
		return err
	}
	if err := m.deepen(largest, m.backend.Shape().Cells-rounds*rows); err != nil || m.held < fewCells {
		return err
	}
	held := m.held
	behind, err := m.least(rows, func() {})
	costs.Cell = max(0, float64(behind-alone)/float64(held*rows))
	return err
}

// least returns the shortest of some steps, each after a preparation.
func (m *meter) least(rows int, before func()) (time.Duration, error) {
	least := time.Duration(math.MaxInt64)
	for round := 0; round < rounds && (round == 0 || time.Now().Before(m.until)); round++ {
		before()
		took, err := m.step(rows, false)
		if err != nil {
			return 0, fmt.Errorf("engine: calibrate %d rows behind %d cells: %w", rows, m.held, err)
		}
		least = min(least, took)
	}
	return least, nil
}

// deepen fills an empty sequence by steps of so many rows, as far as there are
// cells and time.
func (m *meter) deepen(rows, cells int) error {
	m.empty()
	for m.held+rows <= min(manyCells, cells) && time.Now().Before(m.until) {
		if _, err := m.step(rows, false); err != nil {
			return fmt.Errorf("engine: calibrate rows behind %d cells: %w", m.held, err)
		}
	}
	return nil
}
