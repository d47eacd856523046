package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moltbot/moltbot/bench/load"
	"github.com/moltbot/moltbot/bench/stats"
)

// notes says what a reader of the tables must know.
func (r *Report) notes() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nValues are medians over %d rounds.", r.Rounds)
	if len(r.Targets) > 1 {
		b.WriteString(" Ratios are geometric means over paired rounds; above 1 the first target is better: higher or, where less is better, lower.")
		fmt.Fprintf(&b, " \"?\": of fewer than %d rounds, too few for 95 %%, or with rounds in which a target has no value.", stats.EnoughPairs)
	}
	b.WriteString("\n")
	for _, line := range slices.Concat(r.controlNotes(), r.errorNotes(), r.unknownNotes()) {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// controlNotes tells how targets do against their own control phases.
func (r *Report) controlNotes() []string {
	var notes []string
	for _, q := range r.Ratios {
		if q.Control != "" && slices.Contains([]string{"TTFT p95", "ITL p95", "latency p50"}, q.Measure) {
			notes = append(notes, fmt.Sprintf("%s, %s: %s is %.3f× as good as %s (%s).", r.title(q.Group), q.Target, q.Measure, q.Estimate, q.Control, r.bounds(q.Interval)))
		}
	}
	return notes
}

// errorNotes tells the errors by kind, with one example of each.
func (r *Report) errorNotes() []string {
	type place struct {
		c      int
		target string
		kind   load.Kind
	}
	counts, example := map[place]int{}, map[place]string{}
	r.eachRecord(func(c int, target string, record load.Record) {
		if record.Failed() {
			at := place{c, target, record.Kind}
			counts[at]++
			example[at] = record.Detail
		}
	})
	var notes []string
	for at, n := range counts {
		notes = append(notes, fmt.Sprintf("%s: %s had %d requests that ended in %q, the last with: %s", r.Cases[at.c].Workload, at.target, n, at.kind, example[at]))
	}
	slices.Sort(notes)
	return notes
}

// unknownNotes tells whose tokens are not known.
func (r *Report) unknownNotes() []string {
	unknown, whole := map[string]int{}, map[string]int{}
	r.eachRecord(func(_ int, target string, record load.Record) {
		if record.Kind != load.OK {
			return
		}
		whole[target]++
		if record.Output == nil || record.Prompt == nil {
			unknown[target]++
		}
	})
	var notes []string
	for _, target := range slices.Sorted(maps.Keys(unknown)) {
		notes = append(notes, fmt.Sprintf("%s gave no usage for %d of %d answers: their tokens are unknown.", target, unknown[target], whole[target]))
	}
	return notes
}

// eachRecord calls f for every record that counts.
func (r *Report) eachRecord(f func(c int, target string, record load.Record)) {
	for _, t := range r.Turns {
		for _, p := range t.Phases {
			for _, record := range p.Records {
				if p.Counted {
					f(t.Case, t.Target, record)
				}
			}
		}
	}
}
