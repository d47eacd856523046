// Package workload describes what clients do, from a seed.
//
// Owns: the workloads of `moltbot bench`, their prompts, and the checks of their
// tasks. The same options give the same requests, byte for byte; another seed or
// round gives prompts that no cache has seen.
// Must not import: anything of Moltbot but bench/load.
// Flow: bench/run asks a Workload for the Phases of a round and plays them.
package workload

import (
	"math/rand/v2"
	"time"

	"github.com/moltbot/moltbot/bench/load"
)

// Options shape a workload. A zero leaves the choice to the workload.
type Options struct {
	Seed        uint64        `json:"seed"`
	Round       int           `json:"round"`
	Requests    int           `json:"requests,omitempty"`    // sessions, where a session has several requests
	Duration    time.Duration `json:"duration_ns,omitempty"` // instead of Requests: no session starts later
	Concurrency int           `json:"concurrency,omitempty"` // closed loop: clients
	Rate        float64       `json:"rate,omitempty"`        // open loop: sessions per second
	Prompt      int           `json:"prompt_tokens,omitempty"`
	Output      int           `json:"output_tokens,omitempty"`
	KV          int           `json:"kv_tokens,omitempty"` // of the server's cache, for multiturn
	Prompts     []Prompt      `json:"-"`                   // for the workload file
}

// Workload is one kind of use.
type Workload struct {
	Name     string
	About    string
	Defaults Options
	// Phases returns what one round plays; its options are complete.
	Phases func(Options) []load.Phase
	// Capacity returns what measures the highest request rate, for a workload
	// whose rate depends on it; nil for the others.
	Capacity func(Options) load.Phase
	// Control is a counted phase that each target's other ones are compared with; empty: none.
	Control string
}

// With fills the options that were left out with the workload's own.
func (w Workload) With(o Options) Options {
	d := w.Defaults
	if o.Requests == 0 && o.Duration == 0 {
		o.Requests = d.Requests
	}
	if o.Concurrency == 0 {
		o.Concurrency = d.Concurrency
	}
	if o.Rate == 0 {
		o.Rate = d.Rate
	}
	if o.Prompt == 0 {
		o.Prompt = d.Prompt
	}
	if o.Output == 0 {
		o.Output = d.Output
	}
	if o.KV == 0 {
		o.KV = d.KV
	}
	return o
}

// random returns the generator of one thing, the same for the same options.
func (o Options) random(what string, i int) *rand.Rand {
	h := o.Seed
	for _, b := range []byte(what) {
		h = (h ^ uint64(b)) * 0x100000001b3 // FNV-1a
	}
	return rand.New(rand.NewPCG(h, uint64(o.Round)<<32|uint64(uint32(i))))
}

// stream is sessions of one kind, in the loop that the options ask for.
func (o Options) stream(what string, session func(i int) load.Session) load.Stream {
	return load.Stream{
		Session: session,
		Count:   o.Requests,
		For:     o.Duration,
		Clients: o.Concurrency,
		Rate:    o.Rate,
		Seed:    o.random(what+" arrivals", 0).Uint64(),
	}
}

// warmUp is n sessions one after the other, which are not counted.
func warmUp(n int, session func(i int) load.Session) load.Phase {
	return load.Phase{Name: "warm-up", Streams: []load.Stream{{Session: session, Count: n, Clients: 1}}}
}

// counted is a phase that is measured.
func counted(name string, streams ...load.Stream) load.Phase {
	return load.Phase{Name: name, Counted: true, Streams: streams}
}

// full makes every answer as long as it may be; greedy keeps answers the same from run to run.
var (
	full   = map[string]any{"temperature": 0, "ignore_eos": true}
	greedy = map[string]any{"temperature": 0}
)

func user(text string) []load.Message { return []load.Message{{Role: "user", Content: text}} }

func system(text string) []load.Message { return []load.Message{{Role: "system", Content: text}} }
