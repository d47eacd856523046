package report

import (
	"math"
	"slices"

	"github.com/moltbot/moltbot/bench/load"
	"github.com/moltbot/moltbot/bench/measure"
	"github.com/moltbot/moltbot/bench/stats"
)

// Ratio says how many times better a target is than another one: higher where
// more is better, lower where less is. Above 1 is better.
type Ratio struct {
	Group
	Measure string `json:"measure"`
	Target  string `json:"target"`
	Over    string `json:"over"`
	Control string `json:"control,omitempty"` // the phase of Over, where it is another one
	stats.Interval
}

// groups returns the groups in the order in which they came.
func (r *Report) groups() []Group {
	var all []Group
	for _, row := range r.Rows {
		if !slices.Contains(all, row.Group) {
			all = append(all, row.Group)
		}
	}
	slices.SortStableFunc(all, func(a, b Group) int { return a.Case - b.Case })
	return all
}

// compare sets the ratios of the first target over each other one, and of each over its own control.
func (r *Report) compare(seed uint64) {
	r.Ratios = []Ratio{}
	for _, g := range r.groups() {
		for _, m := range measures() {
			for _, other := range r.Targets[1:] {
				if one, ok := r.ratio(g, m, other.Name, seed); ok {
					r.Ratios = append(r.Ratios, one)
				}
			}
		}
		r.control(g, seed)
	}
}

// ratio compares one measure; not ok: no round has it of both, above zero.
func (r *Report) ratio(g Group, m measure.Measure, other string, seed uint64) (Ratio, bool) {
	name := r.Targets[0].Name
	in := better(m, r.series(g, m.Name, name), r.series(g, m.Name, other), seed)
	return Ratio{Group: g, Measure: m.Name, Target: name, Over: other, Interval: in}, in.Pairs > 0
}

// better is the ratio of two series in the direction in which more is better.
func better(m measure.Measure, a, b []float64, seed uint64) stats.Interval {
	if m.Lower {
		a, b = b, a
	}
	return stats.Ratio(a, b, seed)
}

// control compares what a target does beside others with what it does in the
// control phase: those of its classes that are all there is in that phase.
func (r *Report) control(g Group, seed uint64) {
	phase := r.Cases[g.Case].Control
	if phase == "" || g.Phase == phase || g.Class == "" || !r.hasClass(g, phase) {
		return
	}
	for _, m := range measures() {
		for _, t := range r.Targets {
			in := better(m, r.series(g, m.Name, t.Name), r.series(Group{Case: g.Case, Phase: phase}, m.Name, t.Name), seed)
			if in.Pairs > 0 {
				r.Ratios = append(r.Ratios, Ratio{g, m.Name, t.Name, t.Name, phase, in})
			}
		}
	}
}

// hasClass tells whether a class's requests are in another phase of the same case.
func (r *Report) hasClass(g Group, phase string) (found bool) {
	for _, t := range r.Targets {
		r.eachOf(Group{g.Case, phase, g.Class}, t.Name, func(load.Record) { found = true })
	}
	return found
}

// series returns a measure round by round; NaN where it is unknown.
func (r *Report) series(g Group, measure, target string) []float64 {
	out := make([]float64, r.Rounds)
	for i := range out {
		out[i] = math.NaN()
	}
	for _, row := range r.Rows {
		if v, ok := row.Values[measure]; ok && row.Group == g && row.Target == target {
			out[row.Round] = v
		}
	}
	return out
}

// typical is the median of a measure over the rounds that have it.
func (r *Report) typical(g Group, measure, target string) float64 {
	known := slices.DeleteFunc(r.series(g, measure, target), math.IsNaN)
	return stats.Quantile(known, 0.5)
}
