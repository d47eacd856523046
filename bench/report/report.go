// Package report tells what was measured: report.json, report.md, plots, a table.
//
// Owns: the schema of report.json, the comparison of targets, and how all of it
// is shown. report.json holds every record, so each number can be computed anew.
// Must not import: anything of Moltbot but bench/*.
// Flow: New summarizes an Outcome; Table writes it for a terminal, Save writes
// the files.
package report

import (
	"slices"
	"time"

	"github.com/moltbot/moltbot/bench/load"
	"github.com/moltbot/moltbot/bench/measure"
	"github.com/moltbot/moltbot/bench/run"
	"github.com/moltbot/moltbot/bench/workload"
)

// Schema is the version of report.json; it grows when a field changes its meaning or goes.
const Schema = 1

// Report is report.json.
type Report struct {
	Schema  int            `json:"schema"`
	Made    time.Time      `json:"made"`
	Version string         `json:"version"` // of this program
	Command []string       `json:"command"`
	Machine Machine        `json:"machine"` // on which this program ran
	Targets []run.Target   `json:"targets"` // the first is compared with the others
	Cases   []Case         `json:"cases"`
	Rounds  int            `json:"rounds"`
	Limits  measure.Limits `json:"limits"`
	Rows    []Row          `json:"rows"`
	Ratios  []Ratio        `json:"ratios"`
	Turns   []run.Turn     `json:"turns"` // with all records
}

// Case is a workload as it was played.
type Case struct {
	Workload string           `json:"workload"`
	About    string           `json:"about"`
	Control  string           `json:"control,omitempty"` // the phase that a target's others are compared with
	Options  workload.Options `json:"options"`
}

// Group names the records that a row is about. An empty class is all of a phase.
type Group struct {
	Case  int    `json:"case"`
	Phase string `json:"phase"`
	Class string `json:"class,omitempty"`
}

// Row is one group of one target in one round.
type Row struct {
	Group
	Target string `json:"target"`
	Round  int    `json:"round"`
	measure.Summary
}

// Setup is what the caller knows of a run.
type Setup struct {
	Made    time.Time
	Version string
	Command []string
	Machine Machine
	Rounds  int
	Limits  measure.Limits
	Seed    uint64 // of the intervals
}

// New summarizes and compares what was measured.
func New(s Setup, o run.Outcome) *Report {
	r := &Report{
		Schema: Schema, Made: s.Made, Version: s.Version, Command: s.Command, Machine: s.Machine,
		Targets: o.Targets, Rounds: s.Rounds, Limits: s.Limits, Turns: o.Turns,
	}
	for _, c := range o.Cases {
		r.Cases = append(r.Cases, Case{c.Workload.Name, c.Workload.About, c.Workload.Control, c.Options})
	}
	for _, t := range o.Turns {
		for _, p := range t.Phases {
			if p.Counted {
				r.Rows = append(r.Rows, r.rows(t, p)...)
			}
		}
	}
	r.compare(s.Seed)
	return r
}

// rows summarizes a phase as a whole, and class by class where there are several.
func (r *Report) rows(t run.Turn, p run.Phase) []Row {
	row := func(class string, records []load.Record) Row {
		sum := measure.Summarize(records, p.Took, r.Limits)
		if class == "" {
			use(sum, t.Usage)
		}
		return Row{Group{t.Case, p.Name, class}, t.Target, t.Round, sum}
	}
	all := []Row{row("", p.Records)}
	byClass := map[string][]load.Record{}
	var classes []string
	for _, record := range p.Records {
		if byClass[record.Class] == nil {
			classes = append(classes, record.Class)
		}
		byClass[record.Class] = append(byClass[record.Class], record)
	}
	if len(classes) < 2 {
		return all
	}
	slices.Sort(classes)
	for _, class := range classes {
		all = append(all, row(class, byClass[class]))
	}
	return all
}

// use adds what a target used of the machine.
func use(s measure.Summary, u run.Usage) {
	if u.PeakRSS > 0 {
		s.Values["peak RSS"] = float64(u.PeakRSS) / (1 << 20)
	}
	if u.GPUMemory > 0 {
		s.Values["GPU memory"] = float64(u.GPUMemory) / (1 << 20)
	}
	if tokens := s.Values["output"] * s.Seconds; u.GPUEnergy > 0 && tokens > 0 {
		s.Values["GPU energy"] = u.GPUEnergy / tokens
	}
}

// usage are the measures of a target's process and of the GPUs.
var usage = []measure.Measure{
	{Name: "peak RSS", Unit: "MiB", Lower: true},
	{Name: "GPU memory", Unit: "MiB", Lower: true},
	{Name: "GPU energy", Unit: "J/tok", Lower: true},
}

// measures are those that tables and comparisons have.
func measures() []measure.Measure {
	return slices.DeleteFunc(slices.Concat(measure.All, usage), func(m measure.Measure) bool { return m.Detail })
}
