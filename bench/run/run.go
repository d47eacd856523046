// Package run measures targets side by side.
//
// Owns: the rounds, in which targets take turns and only one is under load; the
// start and the end of targets that it spawns; what they use of the machine.
// Must not import: anything of Moltbot but bench/load and bench/workload.
// Flow: All reaches every target once, then plays case after case, round after
// round, and returns a Turn with its records for each.
package run

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/moltbot/moltbot/bench/load"
	"github.com/moltbot/moltbot/bench/workload"
)

// Target is an endpoint, and perhaps the command that starts it.
type Target struct {
	load.Target
	Command string `json:"command,omitempty"` // shell; {port} becomes a free port
}

// Case is a workload with its options.
type Case struct {
	Workload workload.Workload
	Options  workload.Options // Round is set here
}

// Config is what to measure.
type Config struct {
	Targets  []Target
	Cases    []Case
	Rounds   int
	Timeout  time.Duration // of one request
	Patience time.Duration // until a spawned target is ready
	LogDir   string        // for the output of spawned targets; empty: it is dropped
	GPU      func() (GPU, bool)
	Watch    Watcher
}

// Watcher hears how far a run has come, from many goroutines.
type Watcher interface {
	Turn(c Case, target string, round int) // begins
	Record(r load.Record)                  // came in
}

// Turn is one target's part of one round.
type Turn struct {
	Case    int       `json:"case"`
	Target  string    `json:"target"`
	Round   int       `json:"round"`
	Started time.Time `json:"started"`
	Phases  []Phase   `json:"phases"`
	Usage
}

// Phase is a phase that was played.
type Phase struct {
	Name    string        `json:"name"`
	Counted bool          `json:"counted"`
	Took    time.Duration `json:"took_ns"`
	Records []load.Record `json:"records"`
}

// Outcome is all that was measured. Targets and Cases are as they were used: with
// model names and measured rates filled in.
type Outcome struct {
	Targets []Target
	Cases   []Case
	Turns   []Turn
}

// All measures everything. Errors: a target that can't be reached or started;
// ctx's, with the turns until then.
func All(ctx context.Context, cfg Config) (Outcome, error) {
	r := &runner{Config: cfg}
	r.Targets = slices.Clone(cfg.Targets)
	r.Cases = slices.Clone(cfg.Cases)
	err := r.all(ctx)
	return Outcome{r.Targets, r.Cases, r.turns}, err
}

type runner struct {
	Config
	turns []Turn
}

func (r *runner) all(ctx context.Context) error {
	for i, t := range r.Targets {
		if t.Command != "" {
			continue // it is reached when it starts
		}
		if err := r.resolve(ctx, i); err != nil {
			return err
		}
	}
	for i := range r.Cases {
		if err := r.findRate(ctx, i); err != nil {
			return err
		}
		for round := range r.Rounds {
			if err := r.round(ctx, i, round); err != nil {
				return err
			}
		}
	}
	return nil
}

// round gives each target its turn, in an order that reverses from round to
// round, so that a drift of the machine favours nobody.
func (r *runner) round(ctx context.Context, c, round int) error {
	order := make([]int, len(r.Targets))
	for i := range order {
		order[i] = i
	}
	if round%2 == 1 {
		slices.Reverse(order)
	}
	for _, t := range order {
		turn, err := r.turn(ctx, c, t, round)
		if err != nil {
			return fmt.Errorf("%s, round %d, %s: %w", r.Cases[c].Workload.Name, round+1, r.Targets[t].Name, err)
		}
		r.turns = append(r.turns, turn)
	}
	return nil
}

// turn plays one round of a case on one target.
func (r *runner) turn(ctx context.Context, c, t, round int) (Turn, error) {
	one := r.Cases[c]
	one.Options.Round = round
	turn := Turn{Case: c, Target: r.Targets[t].Name, Round: round}
	err := r.up(ctx, t, func(pid int) error {
		r.Watch.Turn(one, turn.Target, round)
		turn.Started = time.Now()
		meter := r.meter(pid)
		phases, err := r.play(ctx, t, one.Workload.Phases(one.Options))
		turn.Phases, turn.Usage = phases, meter.stop()
		return err
	})
	return turn, err
}

// play runs phases one after the other over connections of their own.
func (r *runner) play(ctx context.Context, t int, phases []load.Phase) ([]Phase, error) {
	client := load.NewClient(r.Targets[t].Target, r.Timeout, load.NewTransport())
	defer client.Close()
	var played []Phase
	for _, p := range phases {
		records, took, err := client.Run(ctx, p, r.Watch.Record)
		if err != nil {
			return played, err
		}
		played = append(played, Phase{p.Name, p.Counted, took, records})
	}
	return played, nil
}

// findRate sets the rate of a case that depends on the capacity: that of the
// fastest target, so that all get the same load and none gets less than it was
// said to.
func (r *runner) findRate(ctx context.Context, c int) error {
	one := &r.Cases[c]
	if one.Workload.Capacity == nil || one.Options.Rate > 0 {
		return nil
	}
	for t := range r.Targets {
		err := r.up(ctx, t, func(int) error {
			r.Watch.Turn(*one, r.Targets[t].Name+", capacity", 0)
			phases, err := r.play(ctx, t, []load.Phase{one.Workload.Capacity(one.Options)})
			if err == nil {
				one.Options.Rate = max(one.Options.Rate, workload.Overload*throughput(phases[0]))
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("measure the capacity of %s: %w", r.Targets[t].Name, err)
		}
	}
	if one.Options.Rate == 0 {
		return fmt.Errorf("%s: no target answered a request while its capacity was measured", one.Workload.Name)
	}
	return nil
}

// throughput is whole answers per second.
func throughput(p Phase) float64 {
	n := 0
	for _, r := range p.Records {
		if r.Kind == load.OK {
			n++
		}
	}
	return float64(n) / p.Took.Seconds()
}
