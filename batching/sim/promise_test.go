package sim

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/moltbot/moltbot/batching"
)

// crowd is how many come, and from whom.
type crowd struct {
	queue   int
	wait    time.Duration
	tenants int
	load    float64 // requests that come for each that can be served
	slower  float64 // steps take so many times what the scheduler believes at first
}

// served is how many requests of traffic the machine of these tests serves a
// second when the queue is never empty (TestCapacity).
const served = 1.23

// traffic draws requests of tenants by chance, with answers of geometric length.
func (c crowd) traffic(seed uint64, n int) []Arrival {
	rnd := rand.New(rand.NewPCG(seed, 2))
	arrivals := make([]Arrival, n)
	at := 0.
	for i := range arrivals {
		at += rnd.ExpFloat64() / c.load * c.slower / served
		arrivals[i] = Arrival{
			At: time.Duration(at * float64(time.Second)), Answer: 1 + int(rnd.ExpFloat64()*60),
			Job: batching.Job{Prompt: 20 + rnd.IntN(100), MaxTokens: 500, Tenant: fmt.Sprint(rnd.IntN(c.tenants))},
		}
	}
	return arrivals
}

func (c crowd) config(seed uint64) Config {
	l := limits
	l.Step, l.Queue, l.MaxWait = 150*ms, c.queue, c.wait
	return Config{Limits: l, Costs: &costs, Slower: c.slower, Noise: .2, Late: 2 * time.Second, Seed: seed}
}

func TestCapacity(t *testing.T) {
	var end time.Duration
	c := crowd{queue: 2000, tenants: 1, load: 1000, slower: 1}
	for _, r := range playAll(t, c.config(1), c.traffic(1, 300)) {
		end = max(end, r.End)
	}
	if got := 300 / end.Seconds(); got < .95*served || got > 1.05*served {
		t.Errorf("%.3f requests a second are served, the tests of promises are made for %v", got, served)
	}
}

// TestRetryAfterIsKept: nine of ten who come back when they were told to, or up
// to two seconds later, are admitted, from full load to three times that, also
// where steps take longer than was believed.
func TestRetryAfterIsKept(t *testing.T) {
	for _, c := range []crowd{
		{10, 0, 1, .9, 1},
		{10, 0, 1, 1.1, 1},
		{10, 0, 1, 1.5, 1},
		{10, 0, 1, 2, 1},
		{10, 0, 1, 3, 1},
		{10, 0, 5, 1.1, 1},
		{10, 0, 5, 2, 1},
		{10, 0, 5, 3, 1},
		{10, 30 * time.Second, 5, 3, 1.3},
		{10, 10 * time.Second, 1, 1.5, 1},
		{64, 10 * time.Second, 5, 3, 1},
		{64, 0, 20, 1.5, 1},
		{64, 0, 20, 3, 1},
		{64, 0, 1, 3, 1.3},
		{64, 30 * time.Second, 20, 3, 1.3},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			t.Parallel()
			kept, broken := 0, 0
			for seed := range uint64(3) {
				for _, r := range playAll(t, c.config(seed), c.traffic(seed, 500)) {
					kept += min(1, r.Refused)
					broken += max(0, r.Refused-1)
				}
			}
			t.Logf("%d promises were kept, %d broken (%.1f %%)", kept, broken, 100*float64(broken)/float64(max(1, kept+broken)))
			if c.load > 1 && kept == 0 || float64(broken) > .1*float64(kept+broken) {
				t.Errorf("%d promises were kept and %d broken, want one of ten at most", kept, broken)
			}
		})
	}
}
