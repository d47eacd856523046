package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/moltbot/moltbot/bench/measure"
	"github.com/moltbot/moltbot/bench/stats"
)

// Table writes the report for a terminal.
func (r *Report) Table(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, g := range r.groups() {
		fmt.Fprintf(tw, "\n%s\n", r.title(g))
		for _, line := range r.lines(g) {
			fmt.Fprintln(tw, strings.Join(line, "\t")+"\t")
		}
		if err := tw.Flush(); err != nil {
			return err
		}
	}
	_, err := fmt.Fprint(w, r.notes())
	return err
}

// title names a group: "single · concurrency 1", "mixed · short".
func (r *Report) title(g Group) string {
	c := r.Cases[g.Case]
	parts := []string{c.Workload}
	if g.Phase != c.Workload {
		parts = append(parts, g.Phase)
	}
	if g.Class != "" && g.Class != g.Phase {
		parts = append(parts, g.Class)
	}
	if r.sweeps(c) {
		parts = append(parts, fmt.Sprintf("concurrency %d", c.Options.Concurrency))
	}
	return strings.Join(parts, " · ")
}

// sweeps tells whether a workload was played with several numbers of clients.
func (r *Report) sweeps(c Case) bool {
	n := 0
	for _, other := range r.Cases {
		if other.Workload == c.Workload {
			n++
		}
	}
	return n > 1
}

// lines are a group's table: a heading, then a line for each measure that is known.
func (r *Report) lines(g Group) [][]string {
	head := []string{"measure", "unit"}
	for i, t := range r.Targets {
		head = append(head, t.Name)
		if i > 0 {
			head = append(head, "ratio over "+t.Name, "95 % interval")
		}
	}
	lines := [][]string{head}
	for _, m := range measures() {
		if line, known := r.line(g, m); known {
			lines = append(lines, line)
		}
	}
	return lines
}

func (r *Report) line(g Group, m measure.Measure) (line []string, known bool) {
	line = []string{m.Name, m.Unit}
	for i, t := range r.Targets {
		v := r.typical(g, m.Name, t.Name)
		known = known || !math.IsNaN(v)
		line = append(line, number(v))
		if i > 0 {
			line = append(line, r.ratioCells(g, m.Name, t.Name)...)
		}
	}
	return line, known
}

// ratioCells are a ratio and its interval; both empty when there is none.
func (r *Report) ratioCells(g Group, measure, over string) []string {
	if q, ok := r.find(g, measure, over); ok {
		return []string{fmt.Sprintf("%.3f×", q.Estimate), r.bounds(q.Interval)}
	}
	return []string{"", ""}
}

// bounds writes an interval; one that is not to be trusted has a question mark.
func (r *Report) bounds(i stats.Interval) string {
	mark := ""
	if i.Pairs < max(r.Rounds, stats.EnoughPairs) {
		mark = "?"
	}
	return fmt.Sprintf("%.3f–%.3f%s", i.Low, i.High, mark)
}

// number writes a value with three or more digits that count; unknown is a dash.
func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case v == math.Trunc(v) && math.Abs(v) < 1e6:
		return fmt.Sprintf("%.0f", v)
	case math.Abs(v) >= 100:
		return fmt.Sprintf("%.0f", v)
	case math.Abs(v) >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3f", v)
}
