package batching

import (
	"errors"
	"fmt"
	"slices"
)

// Check returns an error when an invariant is broken.
func (s *Scheduler) Check() error {
	if len(s.running) > s.limits.Seqs {
		return fmt.Errorf("batching: %d requests run, %d may", len(s.running), s.limits.Seqs)
	}
	if len(s.waiting)+len(s.running) != len(s.live) {
		return fmt.Errorf("batching: %d requests wait and %d run, but %d live", len(s.waiting), len(s.running), len(s.live))
	}
	if !slices.IsSortedFunc(s.waiting, byArrival) {
		return errors.New("batching: the queue is out of order")
	}
	for id, r := range s.live {
		if err := r.check(s.limits); err != nil {
			return err
		}
		if list := s.listOf(r); r.id != id || !slices.Contains(list, r) {
			return fmt.Errorf("batching: request %d is out of place", id)
		}
	}
	if err := s.costs.Check(); err != nil {
		return err
	}
	return s.tenants.check(s)
}

func (s *Scheduler) listOf(r *request) []*request {
	if r.runs {
		return s.running
	}
	return s.waiting
}

func (r *request) check(l Limits) error {
	if r.computed < 0 || r.computed >= r.known || r.computed > l.Cells {
		return fmt.Errorf("batching: request %d has computed %d of %d tokens", r.id, r.computed, r.known)
	}
	if !r.runs && r.computed != 0 {
		return fmt.Errorf("batching: request %d waits with %d computed tokens", r.id, r.computed)
	}
	if slices.Min(r.accept[:]) < 0 || slices.Max(r.accept[:]) > 1 {
		return fmt.Errorf("batching: draft tokens of request %d come true with chances of %v", r.id, r.accept)
	}
	if t := r.trust; min(slices.Min(t.by[:]), t.next) < 0 || max(slices.Max(t.by[:]), t.next) > 1 {
		return fmt.Errorf("batching: guesses for request %d come true with chances of %v", r.id, t)
	}
	return nil
}

// check compares the counts with the queue.
func (ts *tenants) check(s *Scheduler) error {
	waiting, running := map[*tenant]int{}, map[*tenant]int{}
	for _, r := range s.waiting {
		waiting[r.tenant]++
	}
	for _, r := range s.running {
		running[r.tenant]++
	}
	for name, t := range ts.of {
		if len(t.queue) != waiting[t] || t.running != running[t] {
			return fmt.Errorf("batching: tenant %q counts %d waiting and %d running requests, it has %d and %d", name, len(t.queue), t.running, waiting[t], running[t])
		}
	}
	return nil
}
