package engine

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/moltbot/moltbot/batching"
)

// calibrated are the steps that are measured, by rows, of which the last gives scores.
var calibrated = []int{1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512}

const (
	mostDecodes = 16 // rows of the step that is measured with all their scores
	fewCells    = 128
)

// Calibrate measures how long steps take on a backend whose cells are empty, and
// leaves them so. It stops adding larger steps when the budget is spent.
func Calibrate(b Backend, budget time.Duration) (*batching.Costs, error) {
	m := &meter{backend: b, until: time.Now().Add(budget)}
	defer b.Remove(0, 0)
	costs := &batching.Costs{}
	for _, rows := range calibrated {
		if rows > min(b.Shape().Rows, b.Shape().Cells/2) || (rows > 1 && !time.Now().Before(m.until)) {
			break
		}
		took, err := m.best(rows, false)
		if err != nil {
			return nil, fmt.Errorf("engine: calibrate a step of %d rows: %w", rows, err)
		}
		costs.Points = append(costs.Points, batching.Point{Rows: rows, Time: took})
	}
	inOrder(costs.Points)
	var err error
	if costs.Cell, err = m.cell(costs); err == nil {
		costs.Output, err = m.output(costs)
	}
	return costs, err
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
func (m *meter) best(rows int, scores bool) (time.Duration, error) {
	var times []time.Duration
	for len(times) < enough(rows) && (len(times) == 0 || time.Now().Before(m.until)) {
		m.backend.Remove(0, 0)
		m.held = 0
		took, err := m.step(rows, scores)
		if err != nil {
			return 0, err
		}
		times = append(times, took)
	}
	return slices.Min(times), nil
}

func enough(rows int) int {
	if rows <= mostDecodes {
		return settled
	}
	return repeats
}

// output returns the nanoseconds that the scores of one more row take.
func (m *meter) output(costs *batching.Costs) (float64, error) {
	rows := min(mostDecodes, m.backend.Shape().Outputs, costs.Points[len(costs.Points)-1].Rows)
	if rows < 2 {
		return 0, nil
	}
	took, err := m.best(rows, true)
	if err != nil {
		return 0, fmt.Errorf("engine: calibrate the scores of %d rows: %w", rows, err)
	}
	return max(0, float64(took-costs.Predict(batching.Step{Rows: rows}))/float64(rows-1)), nil
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

// cell returns the nanoseconds that a cell in use adds to a row: the shortest of
// three decodes behind all that the last step left, against one in an empty cache.
func (m *meter) cell(costs *batching.Costs) (float64, error) {
	rows, held := min(mostDecodes, costs.Points[len(costs.Points)-1].Rows), m.held
	if held < fewCells {
		return 0, nil
	}
	alone, behind := costs.Predict(batching.Step{Rows: rows}), time.Duration(math.MaxInt64)
	for range 3 {
		took, err := m.step(rows, false)
		if err != nil {
			return 0, fmt.Errorf("engine: calibrate rows behind %d cells: %w", m.held, err)
		}
		behind = min(behind, took)
	}
	return max(0, float64(behind-alone)/float64(held*rows)), nil
}
