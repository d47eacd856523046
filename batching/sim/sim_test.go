package sim

import (
	"testing"
	"time"

	"github.com/moltbot/moltbot/batching"
)

const ms = time.Millisecond

var (
	limits = batching.Limits{Seqs: 4, Cells: 4000, Rows: 128, Align: 4, Step: 60 * ms, Queue: 100, Age: 30 * time.Second}
	costs  = batching.Costs{Points: []batching.Point{{Rows: 4, Time: 40 * ms}, {Rows: 16, Time: 60 * ms}, {Rows: 128, Time: 400 * ms}}}
)

func play(t *testing.T, l batching.Limits, arrivals []Arrival) []Result {
	t.Helper()
	return playAll(t, Config{Limits: l, Costs: &costs}, arrivals)
}

func playAll(t *testing.T, c Config, arrivals []Arrival) []Result {
	t.Helper()
	results, err := Run(c, arrivals)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

func TestALongPromptIsServedBesideAStreamOfShortOnes(t *testing.T) {
	arrivals := []Arrival{{Job: batching.Job{Prompt: 2000}, Answer: 4}}
	for i := range 400 {
		arrivals = append(arrivals, Arrival{At: time.Duration(i) * 150 * ms, Job: batching.Job{Prompt: 40}, Answer: 2})
	}
	results := play(t, limits, arrivals)
	t.Logf("the long prompt's first token came after %v", results[0].Start)
	if results[0].Start == 0 || results[0].Start > 60*time.Second {
		t.Errorf("the long prompt's first token came after %v", results[0].Start)
	}
}

func TestABurstComputesItsSharedPrefixOnce(t *testing.T) {
	var arrivals []Arrival
	for range 4 {
		arrivals = append(arrivals, Arrival{Job: batching.Job{Prompt: 520}, Answer: 5, Family: "system", Shared: 500})
	}
	computed := 0
	for _, r := range play(t, limits, arrivals) {
		computed += r.Computed
	}
	if want := 500 + 4*20 + 4*4; computed != want {
		t.Errorf("%d rows were computed, want %d", computed, want)
	}
}
