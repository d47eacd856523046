// Package batching decides which rows the next step computes.
//
// Owns: who waits, who runs, who is paused, and how many tokens of each request
// are known and computed. It is plain state: no lock, no clock, no I/O.
// Must not import: anything outside the standard library.
// Flow: engine tells it what happened (Submit, Cancel, Commit, NoSlot) and asks
// what to compute (Next); what must happen to sequences goes through Effects.
//
// A request has known tokens (its prompt and what was generated so far) and
// computed tokens (those in the KV cache). One rule covers all phases: the rows
// of a step are known tokens that are not computed yet. One such row is a
// decode, and so are a few that follow what was generated, where a grammar left
// no choice; more are a prefill. A paused request has computed none and starts
// over with all it knows.
package batching

import (
	"errors"
	"fmt"
	"slices"
)

// ReqID names a request; ids grow with arrival.
type ReqID int64

// Limits bound a step and the queue.
type Limits struct {
	Seqs  int  // requests that run at once, at most
	Cells int  // KV cells in all; no request may need more
	Rows  int  // rows of one step, at most
	Chunk int  // of these, for prompts while a decode waits
	Queue int  // requests that wait, at most
	Tail  int  // last tokens of a prompt that get a step apart; 0: none
	Fuse  bool // decode and prefill rows share a step; else steps alternate
}

// Room is what the cache can give to the next step.
type Room struct {
	Cells int // free ones and those that eviction can free
	Seqs  int // likewise
}

// Effects is all that the scheduler may ask of the world; engine implements it.
type Effects interface {
	// Start gives the request a sequence on its longest cached prefix and
	// returns how many of its tokens are computed already.
	Start(ReqID) (computed int)
	// Pause takes the sequence back and keeps the request.
	Pause(ReqID)
}

// Rows are consecutive tokens of one request in a step.
type Rows struct {
	ID   ReqID
	From int  // place of the first in the request's sequence
	N    int  // how many
	Last bool // they end with the last known token: a new one is sampled
}

// Plan is one step's batch, in order.
type Plan []Rows

// Len returns the rows of the whole batch.
func (p Plan) Len() int {
	n := 0
	for _, r := range p {
		n += r.N
	}
	return n
}

var (
	// ErrQueueFull refuses a request: Limits.Queue others wait already.
	ErrQueueFull = errors.New("batching: the queue is full")
	// ErrTooLong refuses a request that could never fit into Limits.Cells.
	ErrTooLong = errors.New("batching: more tokens than KV cells")
)

// request is what the policy knows of a request.
type request struct {
	id       ReqID
	prompt   int // tokens
	known    int // prompt and generated tokens
	computed int // of these, in the KV cache
}

func (r *request) missing() int { return r.known - r.computed }

// burst is how many rows of one request a decode has at most.
const burst = 16

// decoding tells whether the next rows of r belong to a step for decodes.
func (r *request) decoding() bool {
	return r.missing() == 1 || r.computed >= r.prompt && r.missing() <= burst
}

// Scheduler holds the requests. Only one goroutine touches it.
type Scheduler struct {
	limits  Limits
	fx      Effects
	waiting []*request // by arrival: first come, first served
	running []*request // by start: the last is the first to be paused
	// promptStep: the planned step makes decodes wait; decodeNext: the computed one did.
	promptStep, decodeNext bool
	most                   int // rows of the next step at most, after it found no slot
}

// New returns an empty scheduler. Limits must be positive, Chunk and Seqs at most Rows.
func New(l Limits, fx Effects) (*Scheduler, error) {
	if l.Seqs < 1 || l.Cells < 1 || l.Rows < 1 || l.Chunk < 1 || l.Queue < 1 {
		return nil, fmt.Errorf("batching: limits must be positive: %+v", l)
	}
	if l.Chunk > l.Rows || l.Seqs > l.Rows {
		return nil, fmt.Errorf("batching: a step of %d rows can't hold a chunk of %d or %d sequences", l.Rows, l.Chunk, l.Seqs)
	}
	return &Scheduler{limits: l, fx: fx, most: l.Rows}, nil
}

// Submit queues a request with a prompt of that many tokens. Ids must grow.
// Errors: ErrQueueFull, ErrTooLong.
func (s *Scheduler) Submit(id ReqID, prompt int) error {
	if len(s.waiting) >= s.limits.Queue {
		return ErrQueueFull
	}
	if prompt > s.limits.Cells {
		return ErrTooLong
	}
	s.waiting = append(s.waiting, &request{id: id, prompt: prompt, known: prompt})
	return nil
}

// Cancel forgets a request, waiting or running; the caller frees its sequence.
// An unknown id is nothing to do.
func (s *Scheduler) Cancel(id ReqID) {
	is := func(r *request) bool { return r.id == id }
	s.waiting = slices.DeleteFunc(s.waiting, is)
	s.running = slices.DeleteFunc(s.running, is)
}

// Outcome is what came of a Last row.
type Outcome struct {
	ID     ReqID
	Tokens int  // that the request knows from now on besides; 1, or more where they were forced
	Ended  bool // it is forgotten
}

// Commit records that plan was computed, and what its Last rows gave.
func (s *Scheduler) Commit(plan Plan, outcomes []Outcome) {
	for _, rows := range plan {
		s.find(rows.ID).computed = rows.From + rows.N
	}
	s.decodeNext, s.most = s.promptStep, s.limits.Rows
	for _, o := range outcomes {
		s.find(o.ID).known += o.Tokens
		if o.Ended {
			s.Cancel(o.ID)
		}
	}
}

// NoSlot hears that the backend found no room for the plan, which was not
// computed: the latest started request is paused; where only one runs, the next
// step is half as large. It returns false when neither can help.
func (s *Scheduler) NoSlot(plan Plan) bool {
	switch {
	case len(s.running) > 1:
		s.pauseLast()
	case plan.Len() > 1:
		s.most = plan.Len() / 2
	default:
		return false
	}
	return true
}

// Load returns how many requests run and wait.
func (s *Scheduler) Load() (running, waiting int) { return len(s.running), len(s.waiting) }

// Ahead returns how many known tokens of waiting requests must be computed first.
func (s *Scheduler) Ahead() int {
	n := 0
	for _, r := range s.waiting {
		n += r.known
	}
	return n
}

func (s *Scheduler) find(id ReqID) *request {
	i := slices.IndexFunc(s.running, func(r *request) bool { return r.id == id })
	return s.running[i]
}

// Check returns an error when an invariant is broken.
func (s *Scheduler) Check() error {
	if len(s.running) > s.limits.Seqs {
		return fmt.Errorf("batching: %d requests run, %d may", len(s.running), s.limits.Seqs)
	}
	if !slices.IsSortedFunc(s.waiting, byArrival) {
		return errors.New("batching: the queue is out of order")
	}
	seen := map[ReqID]bool{}
	for _, r := range slices.Concat(s.waiting, s.running) {
		if seen[r.id] {
			return fmt.Errorf("batching: request %d stands twice", r.id)
		}
		seen[r.id] = true
		if err := r.check(s.limits); err != nil {
			return err
		}
	}
	return s.checkWaiting()
}

func (r *request) check(l Limits) error {
	if r.computed < 0 || r.computed >= r.known || r.computed > l.Cells {
		return fmt.Errorf("batching: request %d has computed %d of %d tokens", r.id, r.computed, r.known)
	}
	return nil
}

func (s *Scheduler) checkWaiting() error {
	for _, r := range s.waiting {
		if r.computed != 0 {
			return fmt.Errorf("batching: request %d waits with %d computed tokens", r.id, r.computed)
		}
	}
	return nil
}

func byArrival(a, b *request) int { return int(a.id - b.id) }
