// Package batching decides which rows the next step computes.
//
// Owns: who waits, who runs, who is paused, who is refused, and how many tokens
// of each request are known and computed. It is plain state: no lock, no clock,
// no I/O; time arrives as an argument.
// Must not import: anything outside the standard library.
// Flow: engine tells it what happened (Submit, Cancel, Commit, NoSlot), hears
// who came too late (Expired) and asks what to compute (Next); what must happen
// to sequences goes through Effects.
//
// A turn of the caller is: Submit and Cancel as they come; Expired; Next; compute
// the plan; then Commit with one Outcome for each Rows whose Last is set, or
// NoSlot when the backend found no room for it, or Cancel of the plan's requests
// when it failed otherwise; a plan that nothing came of is planned anew by the
// next Next. Between Next and Commit only Submit and Cancel may come. Next calls
// Look, Start, Pause, Propose and the Drafter, NoSlot calls Pause; Room must be true when Next
// is called, and what Start and Pause report changes it during the call.
//
// A request has known tokens (its prompt and what was generated so far) and
// computed tokens (those in the KV cache). One rule covers all phases: the rows
// of a step are known tokens that are not computed yet. One such row is a
// decode, and so are a few that follow what was generated, where a grammar left
// no choice; more are a prefill. Behind the last known token a decode may have
// draft rows: guesses, of which the step keeps those that came true; they are
// what followed the same words before, or what a draft model says. A paused
// request has computed none and starts over with all it knows.
//
// The order of service (order.go): class, raised by waiting; the tenant with
// the least service; the longest cached prefix; the fewest rows; arrival.
//
// What it promises, and check.go, sim_test.go and sim hold: a request that is
// admitted gets all its tokens, unless it is cancelled, late or its step fails; a
// decode waits for at most one step of prompt rows, and not longer than
// Limits.Step; nobody computes what another is about to have; two tenants that
// always wait are served alike (tenant.go); who comes back when a refusal said so
// is admitted nine times in ten (promise.go).
package batching

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// ReqID names a request; ids grow with arrival.
type ReqID int64

// Class is how urgent a request is; the higher one is served first.
type Class int8

// The classes of service. Any other value stands between or beyond them.
const (
	FlexClass     Class = -1
	DefaultClass  Class = 0
	PriorityClass Class = 1
)

// Job is a request as the scheduler sees it.
type Job struct {
	ID        ReqID
	Tenant    string // fairness is between tenants
	Class     Class
	Prompt    int       // tokens
	MaxTokens int       // that it may generate; 0: unknown
	Deadline  time.Time // it must have started by then; zero: none
	Prints    uint64    // hash of the prompt, by which a request that comes back is known; 0: by its size alone
	EveryRow  bool      // every prompt row gives scores, so at most Limits.Outputs rows of it fit a step
	Adapter   string    // what the model computes it with; a step has requests of one alone
}

// Limits bound a step and the queue.
type Limits struct {
	Seqs        int                // requests that run at once, at most
	Cells       int                // tokens of one request, at most; so many KV cells there must be
	Rows        int                // rows of one step, at most
	Outputs     int                // of these, rows that may give scores, at least Seqs; 0: all
	Align       int                // rows that the kernels compute at once (4 on a CPU); 0 and 1: any
	Tail        int                // last tokens of a prompt that get a step apart; 0: none
	Fuse        bool               // decode and prefill rows share a step; else steps alternate
	Step        time.Duration      // how long a step of prompt rows may keep decodes waiting, or what prompt rows may add to a fused one; 0: no bound
	Queue       int                // requests that wait, at most; one tenant alone has 8/9 of it (forecast.go)
	QueueTokens int                // known tokens of waiting requests, at most, likewise; 0: no bound
	MaxWait     time.Duration      // predicted wait beyond which a request is refused; 0: no bound
	Age         time.Duration      // waited that long, a request counts as one class higher; 0: never
	Weights     map[string]float64 // shares of tenants; absent: 1
}

// Room is what the cache can give to the next step.
type Room struct {
	Cells int // free ones and those that eviction can free
	Seqs  int // likewise
}

// ErrTooLong refuses a request that could never fit into Limits.Cells.
var ErrTooLong = errors.New("batching: more tokens than KV cells")

// Scheduler holds the requests. Only one goroutine touches it.
type Scheduler struct {
	limits  Limits
	costs   *Costs
	fx      Effects
	live    map[ReqID]*request
	waiting []*request // by arrival
	running []*request // by start
	tenants tenants
	gate    gate
	turns   turns

	step   int64 // counts plans
	epoch  int64 // counts what may change an answer of Effects.Look
	around int   // place in the queue where the last step stopped looking
	// promptStep: the planned step makes decodes wait; decodeNext: the computed one did.
	promptStep, decodeNext bool
	most                   int        // rows of the next step at most, after it found no slot
	beside                 int        // requests that run in it at most, likewise
	attended               int        // cells that a row of the step attends to, on average
	accept                 chances    // that draft tokens come true, over all requests
	drafter                *drafter   // nil: there is no draft model
	gains                  []gain     // scratch of planner.drafts
	some                   []*request // scratch of planner.decodes and planner.prompts
}

// New returns an empty scheduler. Costs are refined by every Commit and stay
// readable between calls, so that the owner can save them.
func New(l Limits, costs *Costs, fx Effects) (*Scheduler, error) {
	l.Align = max(l.Align, 1)
	if l.Outputs == 0 {
		l.Outputs = l.Rows
	}
	if err := l.check(); err != nil {
		return nil, err
	}
	if err := costs.Check(); err != nil {
		return nil, err
	}
	return &Scheduler{
		limits: l, costs: costs, fx: fx, most: l.Rows, beside: l.Seqs, accept: firstGuess,
		live:    map[ReqID]*request{},
		turns:   turns{live: map[string]int{}},
		tenants: tenants{of: map[string]*tenant{}, weights: l.Weights},
		gate:    gate{slots: l.Seqs, lines: map[owner]*line{}, returns: 1},
	}, nil
}

func (l Limits) check() error {
	if min(l.Seqs, l.Cells, l.Rows, l.Queue) < 1 {
		return fmt.Errorf("batching: limits must be positive: %+v", l)
	}
	if l.Seqs > l.Rows || l.Seqs > l.Outputs {
		return fmt.Errorf("batching: a step of %d rows and %d outputs can't hold %d sequences", l.Rows, l.Outputs, l.Seqs)
	}
	if l.Align > l.Rows {
		return fmt.Errorf("batching: kernels of %d rows don't fit a step of %d", l.Align, l.Rows)
	}
	if min(l.QueueTokens, l.Tail) < 0 || min(l.Step, l.MaxWait, l.Age) < 0 {
		return fmt.Errorf("batching: a limit is negative: %+v", l)
	}
	for name, w := range l.Weights {
		if !(w > 0) {
			return fmt.Errorf("batching: the weight %v of tenant %q must be positive", w, name)
		}
	}
	return nil
}

// Cancel forgets a request, waiting or running; the caller frees its sequence.
// An unknown id is nothing to do.
func (s *Scheduler) Cancel(id ReqID) {
	r := s.live[id]
	if r == nil {
		return
	}
	s.tenants.charge(r.tenant, -inputWeight*float64(r.unspent()))
	s.forget(r)
}

func (s *Scheduler) forget(r *request) {
	if r.runs {
		s.running = without(s.running, r)
		r.tenant.running--
	} else {
		s.dequeue(r)
	}
	r.runs = false // a follower may still refer to it
	delete(s.live, r.id)
	s.turns.leaves(r.adapter)
	s.epoch++
}

// Expired forgets and returns the waiting requests whose deadline has passed
// before they could start.
func (s *Scheduler) Expired(now time.Time) []ReqID {
	var late []ReqID
	for _, r := range s.waiting {
		if !r.begun && !r.deadline.IsZero() && now.After(r.deadline) {
			late = append(late, r.id)
		}
	}
	for _, id := range late {
		s.Cancel(id)
	}
	return late
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

// enqueue lets r wait, in its place by arrival.
func (s *Scheduler) enqueue(r *request) {
	s.waiting = with(s.waiting, r)
	s.tenants.waits(r)
}

func (s *Scheduler) dequeue(r *request) {
	s.waiting = without(s.waiting, r)
	s.tenants.leaves(r)
}

func with(list []*request, r *request) []*request {
	i, _ := slices.BinarySearchFunc(list, r, byArrival)
	return slices.Insert(list, i, r)
}

func without(list []*request, r *request) []*request {
	if i := slices.Index(list, r); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
