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
	pairs       = 5   // of steps that are set against each other
)

// Calibrate measures how long steps take on a backend whose cells are empty, and
// leaves them so. It stops adding larger steps when the budget is spent, and has half
// of it again for what scores and cells add.
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
	m.until = m.until.Add(budget / 2)
	return costs, m.prices(costs)
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
func (m *meter) prices(costs *batching.Costs) error {
	largest := costs.Points[len(costs.Points)-1].Rows
	rows := min(mostDecodes, cmp.Or(m.backend.Shape().Outputs, mostDecodes), largest)
	alone, err := m.output(costs, rows)
	if err == nil {
		err = m.cell(costs, rows, alone, largest)
	}
	return err
}

// output sets the nanoseconds that the scores of one more row take. It measures
// steps with and without them in turns, so that what disturbs one disturbs the
// other, and returns what the step takes with those of its last row alone.
func (m *meter) output(costs *batching.Costs, rows int) (time.Duration, error) {
	alone, all := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	for range pairs {
		for scores, least := range map[bool]*time.Duration{false: &alone, true: &all} {
			m.empty()
			took, err := m.step(rows, scores)
			if err != nil {
				return 0, fmt.Errorf("engine: calibrate the scores of %d rows: %w", rows, err)
			}
			*least = min(*least, took)
		}
		if !time.Now().Before(m.until) {
			break
		}
	}
	costs.Output = max(0, float64(all-alone)/float64(max(1, rows-1)))
	return alone, nil
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
func (m *meter) cell(costs *batching.Costs, rows int, alone time.Duration, largest int) error {
	if err := m.deepen(largest, m.backend.Shape().Cells-pairs*rows); err != nil || m.held < fewCells {
		return err
	}
	held, behind := m.held, time.Duration(math.MaxInt64)
	for range pairs {
		took, err := m.step(rows, false)
		if err != nil {
			return fmt.Errorf("engine: calibrate rows behind %d cells: %w", m.held, err)
		}
		behind = min(behind, took)
	}
	costs.Cell = max(0, float64(behind-alone)/float64(held*rows))
	return nil
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
