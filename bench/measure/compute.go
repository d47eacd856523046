package measure

import (
	"math"
	"time"

	"github.com/moltbot/moltbot/bench/load"
)

func output(r load.Record) *int { return r.Output }
func prompt(r load.Record) *int { return r.Prompt }
func cached(r load.Record) *int { return r.Cached }

// sum adds a count over all whole answers; NaN when it is unknown for one of them.
func (s sample) sum(count func(load.Record) *int) float64 {
	total := 0
	for _, r := range s.whole {
		n := count(r)
		if n == nil {
			return math.NaN()
		}
		total += *n
	}
	return float64(total)
}

// each collects a number of every whole answer that has it.
func (s sample) each(of func(load.Record) float64) []float64 {
	var out []float64
	for _, r := range s.whole {
		if v := of(r); !math.IsNaN(v) {
			out = append(out, v)
		}
	}
	return out
}

// decodeSpeed is tokens per second after the first one.
func decodeSpeed(r load.Record) float64 {
	if r.Output == nil || len(r.Events) < 2 {
		return math.NaN()
	}
	return float64(*r.Output-1) / (r.Events[len(r.Events)-1] - r.Events[0]).Seconds()
}

// prefillSpeed is the prompt's tokens that were not cached, per second until the
// first token. It counts all that happens before that token, waiting too.
func prefillSpeed(r load.Record) float64 {
	ttft, ok := r.TTFT()
	if r.Prompt == nil || !ok {
		return math.NaN()
	}
	computed := *r.Prompt
	if r.Cached != nil {
		computed -= *r.Cached
	}
	return float64(computed) / ttft.Seconds()
}

// ttft returns the times to the first token of all requests that had one, in milliseconds.
func (s sample) ttft() []float64 {
	var out []float64
	for _, r := range s.records {
		if d, ok := r.TTFT(); ok {
			out = append(out, milliseconds(d))
		}
	}
	return out
}

// itl returns the gaps between tokens of all requests, in milliseconds.
func (s sample) itl() []float64 {
	var out []float64
	for _, r := range s.records {
		for _, d := range r.ITL() {
			out = append(out, milliseconds(d))
		}
	}
	return out
}

func (s sample) latency() []float64 {
	return s.each(func(r load.Record) float64 { return milliseconds(r.Latency()) })
}

// goodput is whole answers within the limits, per second; NaN without limits.
func goodput(s sample) float64 {
	if s.limits == (Limits{}) {
		return math.NaN()
	}
	n := 0
	for _, r := range s.whole {
		if s.limits.hold(r) {
			n++
		}
	}
	return float64(n) / s.seconds
}

func (l Limits) hold(r load.Record) bool {
	ttft, ok := r.TTFT()
	if l.TTFT > 0 && (!ok || ttft > l.TTFT) {
		return false
	}
	if gaps := len(r.Events) - 1; l.ITL > 0 && gaps > 0 {
		return (r.Events[gaps]-r.Events[0])/time.Duration(gaps) <= l.ITL
	}
	return true
}

// success is the share of solved tasks; NaN where nothing can be checked.
func success(s sample) float64 {
	solved, failed := 0, 0
	for _, r := range s.records {
		switch r.Task {
		case load.Solved:
			solved++
		case load.Failed:
			failed++
		}
	}
	return float64(solved) / float64(solved+failed)
}

func errorShare(s sample) float64 {
	n := 0
	for _, r := range s.records {
		if r.Failed() {
			n++
		}
	}
	return float64(n) / float64(len(s.records))
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }
