package report

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

// Goal is a ratio that a headline is to reach over a target, above 1 where the
// first target is to be better.
type Goal struct {
	Workload, Class, Measure, Over string
	Ratio                          float64
}

// LoadGoals reads goals from a file of tab-separated lines: workload, class (may be
// empty), measure, target, ratio. Lines that begin with # say nothing.
func LoadGoals(path string) ([]Goal, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read goals: %w", err)
	}
	defer f.Close()
	goals, err := readGoals(f)
	if err != nil {
		return nil, fmt.Errorf("read goals of %s: %w", path, err)
	}
	return goals, nil
}

func readGoals(from io.Reader) (goals []Goal, err error) {
	lines := csv.NewReader(from)
	lines.Comma, lines.Comment, lines.FieldsPerRecord = '\t', '#', 5
	for {
		line, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return goals, nil
		} else if err != nil {
			return nil, err
		}
		g := Goal{Workload: line[0], Class: line[1], Measure: line[2], Over: line[3]}
		if g.Ratio, err = strconv.ParseFloat(line[4], 64); err != nil || g.Ratio <= 0 {
			row, _ := lines.FieldPos(4)
			return nil, fmt.Errorf("line %d: the ratio %q is no number above 0", row, line[4])
		}
		if !g.known() {
			row, _ := lines.FieldPos(0)
			return nil, fmt.Errorf("line %d: the summary has no %s %s of %s", row, g.Class, g.Measure, g.Workload)
		}
		goals = append(goals, g)
	}
}

// known tells whether a goal is about a headline.
func (g Goal) known() bool {
	for _, h := range headlines {
		if g.about(h) {
			return true
		}
	}
	return false
}

func (g Goal) about(h headline) bool {
	return g.Workload == h.workload && g.Class == h.class && g.Measure == h.measure
}

// goal tells what a headline is to reach over a target, and whether it did: its
// whole interval is as good, or better.
func (s Summary) goal(h headline, over string) string {
	for _, g := range s.Goals {
		if g.about(h) && g.Over == over {
			return fmt.Sprintf("%g×: %s", g.Ratio, s.reached(h, over, g.Ratio))
		}
	}
	return ""
}

func (s Summary) reached(h headline, over string, ratio float64) string {
	r, group, _ := find(s.First, h)
	q, ok := r.find(group, h.measure, over)
	switch {
	case !ok:
		return "not told"
	case q.Low >= ratio:
		return "reached"
	case q.High >= ratio:
		return "within the noise"
	}
	return "missed"
}
