package sim

import (
	"slices"
	"time"

	"github.com/moltbot/moltbot/batching"
)

// Recording is what a real engine made of arrivals, with all that predicting it takes.
type Recording struct {
	Source   string          `json:"source"` // model, machine, and how it was made
	Limits   batching.Limits `json:"limits"`
	Before   batching.Costs  `json:"costs"`   // as calibrated
	After    batching.Costs  `json:"refined"` // by the run
	Requests []Recorded      `json:"requests"`
}

// Recorded is an arrival and what became of it. Times are nanoseconds since the start.
type Recorded struct {
	At     time.Duration  `json:"at"`
	Tenant string         `json:"tenant"`
	Class  batching.Class `json:"class"`
	Prompt int            `json:"prompt"` // tokens
	Answer int            `json:"answer"` // tokens
	Family string         `json:"family,omitzero"`
	Shared int            `json:"shared,omitzero"`
	Start  time.Duration  `json:"start"` // of the first token
	End    time.Duration  `json:"end"`
	Cached int            `json:"cached"` // prompt tokens
}

// Record lists what became of arrivals.
func Record(results []Result) []Recorded {
	all := make([]Recorded, len(results))
	for i, r := range results {
		all[i] = Recorded{
			At: r.At, Tenant: r.Job.Tenant, Class: r.Job.Class, Prompt: r.Job.Prompt, Answer: r.Answer,
			Family: r.Family, Shared: r.Shared, Start: r.Start, End: r.End, Cached: r.Cached,
		}
	}
	return all
}

// Results are the recorded ones, without gaps and rows, which are not recorded.
func (r *Recording) Results() []Result {
	all := make([]Result, len(r.Requests))
	for i, q := range r.Requests {
		all[i] = Result{
			Arrival: Arrival{
				At: q.At, Answer: q.Answer, Family: q.Family, Shared: q.Shared,
				Job: batching.Job{Tenant: q.Tenant, Class: q.Class, Prompt: q.Prompt, MaxTokens: q.Answer},
			},
			Start: q.Start, End: q.End, Cached: q.Cached,
		}
	}
	return all
}

// Arrivals are the recorded ones.
func (r *Recording) Arrivals() []Arrival {
	all := make([]Arrival, len(r.Requests))
	for i, q := range r.Results() {
		all[i] = q.Arrival
	}
	return all
}

// Measures are what a whole run comes to, of the requests that were served.
type Measures struct {
	Makespan              time.Duration // from the first arrival to the last token
	TTFT, TTFT95          time.Duration // mean and 95th percentile
	Latency, Latency95    time.Duration // from the arrival to the last token, likewise
	Rate                  float64       // output tokens a second
	Served, Cached, Asked int           // requests; prompt tokens found computed, and all
}

// Measure sums a run up.
func Measure(results []Result) (m Measures) {
	var first, last []time.Duration
	tokens := 0
	for i := range results {
		r := &results[i]
		if r.End == 0 {
			continue
		}
		first, last = append(first, r.TTFT()), append(last, r.End-r.At)
		m.Makespan = max(m.Makespan, r.End-results[0].At)
		m.Cached, m.Asked = m.Cached+r.Cached, m.Asked+r.Job.Prompt
		tokens += r.Answer
	}
	m.Served = len(first)
	m.TTFT, m.TTFT95 = mean(first), percentile(first, 95)
	m.Latency, m.Latency95 = mean(last), percentile(last, 95)
	m.Rate = float64(tokens) / max(1e-9, m.Makespan.Seconds())
	return m
}

func mean(values []time.Duration) time.Duration {
	sum := time.Duration(0)
	for _, v := range values {
		sum += v
	}
	return sum / time.Duration(max(1, len(values)))
}

// Ratio is a predicted measure in parts of the real one.
type Ratio struct {
	Measure string
	Value   float64
}

// Over sets a prediction against what was real.
func (m Measures) Over(real Measures) []Ratio {
	of := func(a, b time.Duration) float64 { return float64(a) / float64(max(1, b)) }
	return []Ratio{
		{"makespan", of(m.Makespan, real.Makespan)},
		{"ttft", of(m.TTFT, real.TTFT)},
		{"ttft-p95", of(m.TTFT95, real.TTFT95)},
		{"latency", of(m.Latency, real.Latency)},
		{"latency-p95", of(m.Latency95, real.Latency95)},
		{"tokens/s", m.Rate / max(1e-9, real.Rate)},
	}
}

// Replay predicts what the engine makes of the arrivals where steps take these costs.
func (r *Recording) Replay(costs batching.Costs) ([]Result, error) {
	costs.Points = slices.Clone(costs.Points)
	return Replay(r.Arrivals(), r.Limits, costs)
}
