package report

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/moltbot/moltbot/bench/stats"
)

// headline is a number that a workload is looked at for. An empty class is the whole phase.
type headline struct{ workload, phase, class, measure string }

var headlines = []headline{
	{"single", "single", "", "decode"},
	{"single", "single", "", "prefill"},
	{"agents-cold", "agents-cold", "", "requests"},
	{"agents-cold", "agents-cold", "", "TTFT p95"},
	{"agents-steady", "agents-steady", "", "requests"},
	{"agents-steady", "agents-steady", "", "TTFT p95"},
	{"mixed", "mixed", "decoder", "ITL p99"},
	{"mixed", "mixed", "short", "TTFT p95"},
	{"chat", "chat", "", "requests"},
	{"json", "json", "", "requests"},
	{"json", "json", "", "success"},
	{"multiturn", "multiturn", "later turns", "TTFT p95"},
	{"multiturn", "multiturn", "", "errors"},
	{"offline", "offline", "", "output"},
	{"grounded", "grounded", "", "output"},
	{"grounded", "grounded", "", "decode"},
	{"overload", "overload", "priority", "TTFT p95"},
	{"restart", "restart", "first", "TTFT p50"},
	{"restart", "restart", "again", "TTFT p50"},
	{"cancel", "beside", "stay", "latency p50"},
}

// Summary tells a whole comparison: the reports of several workloads, and how far
// a second run of it agrees.
type Summary struct {
	First, Again []*Report
	Goals        []Goal // may be none
}

// LoadAll reads the reports in a folder's subfolders, in the order of their names.
func LoadAll(dir string) ([]*Report, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*", "report.json"))
	if err != nil {
		return nil, fmt.Errorf("read reports: %w", err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("read reports: %s has none: DIR/*/report.json: %w", dir, os.ErrNotExist)
	}
	var all []*Report
	for _, path := range paths {
		r, err := Load(path)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// Markdown writes a table of the numbers that count over each other target, then
// how many of all ratios agree.
func (s Summary) Markdown(w io.Writer) {
	s.First[0].machine(w)
	for _, over := range s.others() {
		fmt.Fprintf(w, "\n## Over %s\n\n", over)
		fmt.Fprintln(w, row(s.head(over)))
		fmt.Fprintln(w, s.rule())
		for _, h := range headlines {
			if line, ok := s.line(h, over); ok {
				fmt.Fprintln(w, row(line))
			}
		}
	}
	s.agreement(w)
}

// others are the targets that the first is compared with, in any report.
func (s Summary) others() (names []string) {
	for _, r := range s.First {
		for _, t := range r.Targets[1:] {
			if !slices.Contains(names, t.Name) {
				names = append(names, t.Name)
			}
		}
	}
	return names
}

func (s Summary) head(over string) []string {
	cells := []string{"workload", "measure", "unit", s.First[0].Targets[0].Name, over, "ratio", "95 % interval"}
	if s.Goals != nil {
		cells = append(cells, "target")
	}
	if s.Again != nil {
		cells = append(cells, "second run", "agrees")
	}
	return cells
}

func (s Summary) rule() string {
	rule := "|---|---|---|---:|---:|---:|---:|"
	if s.Goals != nil {
		rule += "---|"
	}
	if s.Again != nil {
		rule += "---:|---|"
	}
	return rule
}

// line is one headline over one other target; not ok: it was not measured.
func (s Summary) line(h headline, over string) (cells []string, ok bool) {
	r, g, ok := find(s.First, h)
	if !ok || !slices.Contains(r.names(), over) {
		return nil, false
	}
	name := h.workload
	if h.class != "" {
		name += ", " + h.class
	}
	cells = []string{name, h.measure, unit(h.measure), number(r.typical(g, h.measure, r.Targets[0].Name)), number(r.typical(g, h.measure, over))}
	cells = append(cells, r.ratioCells(g, h.measure, over)...)
	if s.Goals != nil {
		cells = append(cells, s.goal(h, over))
	}
	if s.Again != nil {
		cells = append(cells, s.second(h, over)...)
	}
	return cells, true
}

// find returns the report that played a headline's workload, and the group in it.
func find(all []*Report, h headline) (*Report, Group, bool) {
	for _, r := range all {
		for _, g := range r.groups() {
			if r.Cases[g.Case].Workload == h.workload && g.Phase == h.phase && g.Class == h.class {
				return r, g, true
			}
		}
	}
	return nil, Group{}, false
}

func unit(name string) string {
	for _, m := range measures() {
		if m.Name == name {
			return m.Unit
		}
	}
	return ""
}

// second is a ratio of the second run, and whether it lies in the first's interval.
func (s Summary) second(h headline, over string) []string {
	r, g, ok := find(s.First, h)
	again, ga, okAgain := find(s.Again, h)
	if !ok || !okAgain {
		return []string{"–", "not measured again"}
	}
	one, ok := r.find(g, h.measure, over)
	two, okAgain := again.find(ga, h.measure, over)
	switch {
	case !ok || !okAgain:
		return []string{"–", "–"}
	case one.holds(two):
		return []string{fmt.Sprintf("%.3f×", two.Estimate), "yes"}
	}
	return []string{fmt.Sprintf("%.3f×", two.Estimate), "no: too noisy to use"}
}

// find returns a ratio of the first target over another one.
func (r *Report) find(g Group, measure, over string) (Ratio, bool) {
	for _, q := range r.Ratios {
		if q.Group == g && q.Measure == measure && q.Over == over && q.Control == "" {
			return q, true
		}
	}
	return Ratio{}, false
}

// holds tells whether another run's estimate lies in the interval.
func (q Ratio) holds(other Ratio) bool {
	return !math.IsNaN(other.Estimate) && q.Low <= other.Estimate && other.Estimate <= q.High
}

// agreement counts the ratios of the second run that lie in the first's interval.
func (s Summary) agreement(w io.Writer) {
	if s.Again == nil {
		return
	}
	inside, all := 0, 0
	for _, r := range s.First {
		for _, q := range r.Ratios {
			if two, ok := s.again(r, q); ok && q.Pairs >= stats.EnoughPairs {
				all++
				if q.holds(two) {
					inside++
				}
			}
		}
	}
	fmt.Fprintf(w, "\nOf all %d ratios in the reports, %d of the second run lie in the interval of the first.\n", all, inside)
}

// again finds the same ratio in the second run.
func (s Summary) again(r *Report, q Ratio) (Ratio, bool) {
	h := headline{r.Cases[q.Case].Workload, q.Phase, q.Class, q.Measure}
	second, g, ok := find(s.Again, h)
	if !ok || q.Control != "" {
		return Ratio{}, false
	}
	return second.find(g, q.Measure, q.Over)
}
