// Package measure boils the records of a phase down to numbers.
//
// Owns: what each measure is called, its unit, which way is better, and how it
// is computed. A number that can't be known is absent, never guessed.
// Must not import: anything of Moltbot but bench/load and bench/stats.
// Flow: bench/report calls Summarize for each target, round, phase and class.
package measure

import (
	"math"
	"time"

	"github.com/moltbot/moltbot/bench/load"
	"github.com/moltbot/moltbot/bench/stats"
)

// Measure is one number of a sample.
type Measure struct {
	Name   string
	Unit   string
	Lower  bool // lower is better
	Detail bool // told in report.json, not in tables
	of     func(sample) float64
}

// Limits are the service levels that count for goodput; zero: none.
type Limits struct {
	TTFT time.Duration `json:"ttft_ns,omitempty"`
	ITL  time.Duration `json:"itl_ns,omitempty"` // mean gap within a request
}

// sample is the records that measures are taken of.
type sample struct {
	records []load.Record
	whole   []load.Record // those of them that ended well
	seconds float64
	limits  Limits
}

// Summary is all that is told about a sample.
type Summary struct {
	Requests int                `json:"requests"`
	Ends     map[load.Kind]int  `json:"ends"`           // how they ended; "" is well
	Uncount  int                `json:"tokens_unknown"` // ended well, without usage
	Seconds  float64            `json:"seconds"`
	Values   map[string]float64 `json:"values"` // by the name of the measure
}

// Summarize takes all measures of the records of one phase that took so long.
func Summarize(records []load.Record, took time.Duration, limits Limits) Summary {
	s := sample{records: records, seconds: took.Seconds(), limits: limits}
	sum := Summary{Requests: len(records), Ends: map[load.Kind]int{}, Seconds: s.seconds, Values: map[string]float64{}}
	for _, r := range records {
		sum.Ends[r.Kind]++
		if r.Kind == load.OK {
			s.whole = append(s.whole, r)
			if r.Output == nil || r.Prompt == nil {
				sum.Uncount++
			}
		}
	}
	for _, m := range All {
		if v := m.of(s); !math.IsNaN(v) && !math.IsInf(v, 0) {
			sum.Values[m.Name] = v
		}
	}
	return sum
}

// Failed counts the requests that ended in an error.
func (s Summary) Failed() int {
	n := 0
	for kind, count := range s.Ends {
		if (load.Record{Kind: kind}).Failed() {
			n += count
		}
	}
	return n
}

// All are the measures, in the order of tables.
var All = []Measure{
	{Name: "requests", Unit: "req/s", of: func(s sample) float64 { return float64(len(s.whole)) / s.seconds }},
	{Name: "goodput", Unit: "req/s", of: goodput},
	{Name: "output", Unit: "tok/s", of: func(s sample) float64 { return s.sum(output) / s.seconds }},
	{Name: "prompt", Unit: "tok/s", of: func(s sample) float64 { return s.sum(prompt) / s.seconds }},
	{Name: "decode", Unit: "tok/s", of: func(s sample) float64 { return stats.Quantile(s.each(decodeSpeed), 0.5) }},
	{Name: "prefill", Unit: "tok/s", of: func(s sample) float64 { return stats.Quantile(s.each(prefillSpeed), 0.5) }},
	{Name: "TTFT p50", Unit: "ms", Lower: true, of: func(s sample) float64 { return stats.Quantile(s.ttft(), 0.50) }},
	{Name: "TTFT p95", Unit: "ms", Lower: true, of: func(s sample) float64 { return stats.Quantile(s.ttft(), 0.95) }},
	{Name: "TTFT p99", Unit: "ms", Lower: true, of: func(s sample) float64 { return stats.Quantile(s.ttft(), 0.99) }},
	{Name: "ITL p50", Unit: "ms", Lower: true, of: func(s sample) float64 { return stats.Quantile(s.itl(), 0.50) }},
	{Name: "ITL p95", Unit: "ms", Lower: true, of: func(s sample) float64 { return stats.Quantile(s.itl(), 0.95) }},
	{Name: "ITL p99", Unit: "ms", Lower: true, of: func(s sample) float64 { return stats.Quantile(s.itl(), 0.99) }},
	{Name: "ITL max", Unit: "ms", Lower: true, of: func(s sample) float64 { return stats.Quantile(s.itl(), 1) }},
	{Name: "latency p50", Unit: "ms", Lower: true, of: func(s sample) float64 { return stats.Quantile(s.latency(), 0.50) }},
	{Name: "latency p95", Unit: "ms", Lower: true, of: func(s sample) float64 { return stats.Quantile(s.latency(), 0.95) }},
	{Name: "latency p99", Unit: "ms", Lower: true, of: func(s sample) float64 { return stats.Quantile(s.latency(), 0.99) }},
	{Name: "success", Unit: "share", of: success},
	{Name: "errors", Unit: "share", Lower: true, of: errorShare},
	{Name: "cached", Unit: "share", Detail: true, of: func(s sample) float64 { return s.sum(cached) / s.sum(prompt) }},
	{Name: "prompt size", Unit: "tok", Detail: true, of: func(s sample) float64 { return s.sum(prompt) / float64(len(s.whole)) }},
	{Name: "output size", Unit: "tok", Detail: true, of: func(s sample) float64 { return s.sum(output) / float64(len(s.whole)) }},
}
