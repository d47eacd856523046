// Package forecast plays the same arrivals against a real engine and against the
// simulator of the scheduler, and says how far the prediction is off.
//
// Owns: random arrivals, the clock that submits them to an engine, what it sees
// of each request.
// Must not import: cgo, server; it sees a model only as engine.Engine.
// Flow: Draw makes arrivals, Loaded spaces them by what the simulator says the
// machine can do, Play hands them to an engine; the caller lets sim.Replay predict
// the same and compares the two with sim.Measure.
package forecast

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/moltbot/moltbot/batching"
	"github.com/moltbot/moltbot/batching/sim"
)

// Draw draws n arrivals, one a second on average: Poisson times with a burst now
// and then, prompts of 16 to 400 tokens, answers of 8 to 64, three classes, two
// tenants, and in half of the cases a prefix of 100 to 300 tokens that others of
// the tenant share.
func Draw(seed uint64, n int) []sim.Arrival {
	rnd := rand.New(rand.NewPCG(seed, 1))
	shared := map[string]int{}
	arrivals := make([]sim.Arrival, n)
	at, burst := 0., 0
	for i := range arrivals {
		if burst--; burst < 0 && i > 0 {
			at += rnd.ExpFloat64() * meanGap
			if rnd.IntN(burstEvery) == 0 {
				burst = burstSize - 1
			}
		}
		arrivals[i] = draw(rnd, shared)
		arrivals[i].At = time.Duration(at * float64(time.Second))
	}
	return arrivals
}

// A burst begins at one time in so many; with it the mean gap is a second.
const (
	burstEvery = 10
	burstSize  = 5
	meanGap    = 1 + float64(burstSize-1)/burstEvery
)

// draw draws a request. Families of the tenants share so many tokens each.
func draw(rnd *rand.Rand, shared map[string]int) sim.Arrival {
	a := sim.Arrival{Answer: 8 + rnd.IntN(57)}
	a.Job = batching.Job{
		Tenant: []string{"a", "b"}[rnd.IntN(2)], Class: classes[rnd.IntN(len(classes))],
		Prompt: 16 + rnd.IntN(385), MaxTokens: a.Answer,
	}
	if rnd.IntN(2) == 0 {
		return a
	}
	a.Family = fmt.Sprintf("%s %d", a.Job.Tenant, rnd.IntN(2))
	if shared[a.Family] == 0 {
		shared[a.Family] = 100 + rnd.IntN(201)
	}
	a.Shared = shared[a.Family]
	a.Job.Prompt = a.Shared + 16 + rnd.IntN(401-16-a.Shared)
	return a
}

var classes = []batching.Class{
	batching.DefaultClass, batching.DefaultClass, batching.DefaultClass, batching.FlexClass, batching.PriorityClass,
}

// Loaded spaces arrivals so that they ask for so much of what the machine could
// do if all of them were there at once.
func Loaded(arrivals []sim.Arrival, load float64, l batching.Limits, costs batching.Costs) ([]sim.Arrival, error) {
	together := make([]sim.Arrival, len(arrivals))
	for i, a := range arrivals {
		a.At = 0
		together[i] = a
	}
	results, err := sim.Replay(together, l, costs)
	if err != nil {
		return nil, fmt.Errorf("forecast: %w", err)
	}
	second := sim.Measure(results).Makespan.Seconds() / float64(len(arrivals)) / load
	for i, a := range arrivals {
		together[i].At = time.Duration(float64(a.At) * second)
	}
	return together, nil
}
