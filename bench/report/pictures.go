package report

import (
	"math"
	"slices"
	"time"

	"gonum.org/v1/plot/plotter"

	"github.com/moltbot/moltbot/bench/load"
)

// pictures are all that a group has to show; those without curves are not drawn.
func (r *Report) pictures(g Group) []picture {
	return []picture{
		r.sweep(g),
		r.distribution(g, "time to first token", ttft),
		r.distribution(g, "time between tokens", load.Record.ITL),
		r.overTime(g),
	}
}

func ttft(record load.Record) []time.Duration {
	if d, ok := record.TTFT(); ok {
		return []time.Duration{d}
	}
	return nil
}

// leastTime keeps events that came at once on a logarithmic axis, in milliseconds.
const leastTime = 0.01

// distribution is the share of times up to x, target by target.
func (r *Report) distribution(g Group, what string, times func(load.Record) []time.Duration) picture {
	p := picture{title: r.title(g) + ": " + what, x: "milliseconds", y: "share of them up to x", logX: true}
	for _, t := range r.Targets {
		var values []float64
		r.eachOf(g, t.Name, func(record load.Record) {
			for _, d := range times(record) {
				values = append(values, d.Seconds()*1000)
			}
		})
		if len(values) > 0 {
			p.curves = append(p.curves, curve{t.Name, ecdf(values, leastTime)})
		}
	}
	return p
}

// overTime is each whole answer's latency over when it was due.
func (r *Report) overTime(g Group) picture {
	p := picture{title: r.title(g) + ": latency over time", x: "seconds since the start of the round", y: "seconds until the whole answer", dots: true}
	for _, t := range r.Targets {
		var points plotter.XYs
		r.eachOf(g, t.Name, func(record load.Record) {
			if record.Kind == load.OK {
				points = append(points, plotter.XY{X: record.Intended.Seconds(), Y: record.Latency().Seconds()})
			}
		})
		if len(points) > 0 {
			p.curves = append(p.curves, curve{t.Name, points})
		}
	}
	return p
}

// sweep is the throughput over the number of clients; it is drawn once for a
// workload, with the first case of it.
func (r *Report) sweep(g Group) picture {
	name := r.Cases[g.Case].Workload
	p := picture{title: name + ": throughput", x: "clients", y: "output tokens per second"}
	first := slices.IndexFunc(r.Cases, func(c Case) bool { return c.Workload == name })
	if g.Class != "" || g.Case != first || !r.sweeps(r.Cases[g.Case]) {
		return p
	}
	for _, t := range r.Targets {
		var points plotter.XYs
		for i, c := range r.Cases {
			at := Group{Case: i, Phase: g.Phase}
			if v := r.typical(at, "output", t.Name); c.Workload == name && !math.IsNaN(v) {
				points = append(points, plotter.XY{X: float64(c.Options.Concurrency), Y: v})
			}
		}
		if len(points) > 0 {
			p.curves = append(p.curves, curve{t.Name, points})
		}
	}
	return p
}
