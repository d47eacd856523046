package batching

import (
	"maps"
	"slices"
	"time"
)

// turn is how long the steps of one adapter go on, in computing time, while
// others wait. A change of adapters takes some milliseconds (2 ms measured for a small model), since llama.cpp
// plans its memory anew: a turn should be long against that, and short for who waits.
const turn = 100 * time.Millisecond

// turns lets adapters take turns: a step has rows of one alone. Each has the same
// time, however many requests it has; one that comes waits for no more than the
// rest of a turn of each of the others.
type turns struct {
	live    map[string]int // requests by adapter
	current string
	spent   time.Duration // of the current turn
}

func (t *turns) joins(adapter string) { t.live[adapter]++ }

func (t *turns) leaves(adapter string) {
	if t.live[adapter]--; t.live[adapter] == 0 {
		delete(t.live, adapter)
	}
}

// order lists the adapters that have requests, first the one whose turn it is,
// then the others after it in a circle.
func (t *turns) order() []string {
	if len(t.live) < 2 {
		return slices.Collect(maps.Keys(t.live))
	}
	all := slices.Sorted(maps.Keys(t.live))
	i, there := slices.BinarySearch(all, t.current)
	if there && t.spent >= turn {
		i++
	}
	return slices.Concat(all[i:], all[:i])
}

// takes begins a turn, unless it goes on.
func (t *turns) takes(adapter string) {
	if adapter != t.current {
		t.current, t.spent = adapter, 0
	}
}

// mine tells whether r may have rows in the step.
func (p *planner) mine(r *request) bool { return r.adapter == p.adapter }
