// Package sim plays arrivals against the scheduler with a table of step costs.
//
// Owns: a clock, a small model of the KV cells and of the prefixes kept in RAM,
// the measures of a run, recordings of real runs.
// Must not import: anything but batching and the standard library.
// Flow: Run submits arrivals when they are due, lets each planned step take what
// the costs say, and returns what became of every arrival; Summarise makes a
// table of that. Replay predicts what a real engine does with the same arrivals,
// and Recording has what one did (bench/forecast makes it).
//
// What a step takes and what the scheduler believes may differ: Config.Belief,
// Slower and Noise make its predictions wrong. The same Config and arrivals give the
// same results.
package sim

import (
	"fmt"
	"time"

	"github.com/moltbot/moltbot/batching"
)

// Arrival is a request that comes at a time.
type Arrival struct {
	At     time.Duration // since the start
	Job    batching.Job  // ID is given by Run
	Answer int           // tokens that it generates, at least 1
	Family string        // requests of one family begin with the same Shared tokens; empty: of none
	Shared int           // below Job.Prompt
	Guess  float64       // chance that a token proposed for it comes true; 0: none is proposed
}

// Result is what became of an arrival. Times are since the start.
type Result struct {
	Arrival
	Refused  int             // how often it was told to come back
	Admitted time.Duration   // into the queue
	Start    time.Duration   // of the first token
	End      time.Duration   // of the last; 0: it was not served
	Gaps     []time.Duration // between its tokens; 0 between those of one step
	Computed int             // rows, drafts included
	Cached   int             // prompt tokens that were computed already when it started
}

// TTFT is the time from the arrival to the first token, also where it was told to come back.
func (r *Result) TTFT() time.Duration { return r.Start - r.At }

// Config is a machine and those who use it.
type Config struct {
	Limits batching.Limits
	Cells  int             // of the KV cache; 0: Limits.Cells
	Costs  *batching.Costs // of steps
	Belief *batching.Costs // what the scheduler takes them for at the start; nil: the same

	Slower float64 // steps take so many times the costs; 0: 1
	Noise  float64 // standard deviation of the logarithm of a step's time
	Kept   int     // prefixes, of families and of the paused, that stay in RAM; 0: none
	Crowd  bool    // no single flight: nobody hears what others are about to compute
	GiveUp bool    // who is refused doesn't come back
	Seed   uint64

	Late time.Duration // who was refused comes back up to so much later than told
}

// Run plays the arrivals, which come by their times. Results are in the order of
// arrivals. The error is of New or Check, or says what arrival can't be played.
func Run(c Config, arrivals []Arrival) ([]Result, error) {
	if err := check(arrivals); err != nil {
		return nil, err
	}
	r, err := newRun(c, arrivals)
	if err != nil {
		return nil, err
	}
	for len(r.due)+len(r.live) > 0 {
		r.arrive()
		if err := r.step(); err != nil {
			return nil, err
		}
	}
	return r.results, nil
}

// Replay predicts what an engine with these limits and costs makes of arrivals,
// of which only At, Job and Answer are needed, and Family and Shared where prompts
// begin alike. RAM keeps every prefix. Who is refused doesn't come back.
func Replay(arrivals []Arrival, l batching.Limits, costs batching.Costs) ([]Result, error) {
	return Run(Config{Limits: l, Costs: &costs, Kept: 2 * len(arrivals), GiveUp: true}, arrivals)
}

func check(arrivals []Arrival) error {
	last := time.Duration(0)
	for i, a := range arrivals {
		switch {
		case a.At < last:
			return fmt.Errorf("sim: arrival %d comes at %v, after one at %v", i, a.At, last)
		case a.Answer < 1:
			return fmt.Errorf("sim: arrival %d generates %d tokens", i, a.Answer)
		case a.Job.Prompt < 1 || a.Shared >= a.Job.Prompt:
			return fmt.Errorf("sim: arrival %d shares %d of %d prompt tokens", i, a.Shared, a.Job.Prompt)
		}
		last = a.At
	}
	return nil
}
