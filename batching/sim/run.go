package sim

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/moltbot/moltbot/batching"
)

// run is the state of a simulation. It is the scheduler's world: it implements
// batching.Effects (memory.go).
type run struct {
	Config
	sched   *batching.Scheduler
	rnd     *rand.Rand
	now     time.Duration
	results []Result
	due     []call // by time
	live    map[batching.ReqID]*live
	last    batching.ReqID
	memory
}

// call is an arrival that comes, or comes back.
type call struct {
	at time.Duration
	*Result
}

// live is a request that waits or runs.
type live struct {
	*Result
	id    batching.ReqID
	known int
	cells []int // of its sequence, one for each computed token
	runs  bool
	begun bool
	token time.Duration // when it got the last one
}

var epoch = time.Unix(0, 0)

func newRun(c Config, arrivals []Arrival) (*run, error) {
	if c.Cells == 0 {
		c.Cells = c.Limits.Cells
	}
	if c.Slower == 0 {
		c.Slower = 1
	}
	c.Limits.Align = max(1, c.Limits.Align)
	r := &run{Config: c, rnd: rand.New(rand.NewPCG(c.Seed, 0)), live: map[batching.ReqID]*live{}, memory: newMemory(c.Cells, c.Kept)}
	if c.Belief == nil {
		c.Belief = c.Costs
	}
	if err := errors.Join(c.Costs.Check(), c.Belief.Check()); err != nil {
		return nil, err
	}
	belief := batching.Costs{Points: slices.Clone(c.Belief.Points), Scores: slices.Clone(c.Belief.Scores), Cell: c.Belief.Cell}
	var err error
	r.sched, err = batching.New(c.Limits, &belief, r)
	r.results = make([]Result, len(arrivals))
	for i, a := range arrivals {
		r.results[i].Arrival = a
		r.due = append(r.due, call{a.At, &r.results[i]})
	}
	return r, err
}

// arrive submits who is due; where nobody is live, time jumps to the next.
func (r *run) arrive() {
	if len(r.live) == 0 && len(r.due) > 0 {
		r.now = max(r.now, r.due[0].at)
	}
	for len(r.due) > 0 && r.due[0].at <= r.now {
		c := r.due[0]
		r.due = r.due[1:]
		r.submit(c.Result)
	}
}

func (r *run) submit(a *Result) {
	r.last++
	a.Job.ID = r.last
	err := r.sched.Submit(a.Job, epoch.Add(r.now))
	if busy, ok := errors.AsType[*batching.BusyError](err); ok {
		r.again(a, busy.Wait)
	} else if err == nil {
		a.Admitted = r.now
		r.live[r.last] = &live{Result: a, id: r.last, known: a.Job.Prompt}
	}
}

// again lets a refused one come back.
func (r *run) again(a *Result, wait time.Duration) {
	a.Refused++
	if r.GiveUp {
		return
	}
	c := call{r.now + wait + time.Duration(r.rnd.Float64()*float64(r.Late)), a}
	i, _ := slices.BinarySearchFunc(r.due, c, func(x, y call) int { return int(x.at - y.at) })
	r.due = slices.Insert(r.due, i, c)
}

func (r *run) step() error {
	for _, id := range r.sched.Expired(epoch.Add(r.now)) {
		delete(r.live, id)
	}
	plan := r.sched.Next(r.room(), epoch.Add(r.now))
	took := r.takes(plan)
	r.now += took
	var outcomes []batching.Outcome
	for _, rows := range plan {
		q := r.live[rows.ID]
		r.take(q, rows.N)
		if q.Computed += rows.N; rows.Last {
			outcomes = append(outcomes, r.tokens(q, rows.Draft))
		}
	}
	r.sched.Commit(plan, outcomes, took)
	if len(outcomes) == 0 {
		return r.sched.Check()
	}
	return errors.Join(r.sched.Check(), r.memory.check(r.live))
}

// takes returns how long a step really takes.
func (r *run) takes(plan batching.Plan) time.Duration {
	took := float64(r.Costs.Predict(r.priced(plan))) * r.Slower
	if r.Noise > 0 {
		took *= math.Exp(r.Noise * r.rnd.NormFloat64())
	}
	return time.Duration(took)
}

// priced describes a plan: each row attends to the cells of its own request.
func (r *run) priced(plan batching.Plan) batching.Step {
	rows, cells, outputs := plan.Len(), 0, 0
	for _, part := range plan {
		cells += part.N * len(r.live[part.ID].cells)
		if part.Last {
			outputs += 1 + part.Draft
		}
	}
	return batching.Step{Rows: (rows + r.Limits.Align - 1) / r.Limits.Align * r.Limits.Align, Outputs: outputs, Cells: cells / max(1, rows)}
}

// tokens gives q one token, and the drafts before it that come true.
func (r *run) tokens(q *live, drafts int) batching.Outcome {
	left := q.Job.Prompt + q.Answer - q.known
	kept := 0
	for kept < min(drafts, left-1) && r.rnd.Float64() < q.Guess {
		kept++
	}
	r.shrink(q, len(q.cells)-drafts+kept)
	for range kept + 1 {
		r.token(q)
	}
	if kept+1 == left {
		q.End = r.now
		r.leave(q)
	}
	return batching.Outcome{ID: q.id, Tokens: kept + 1, Kept: kept, Ended: kept+1 == left}
}

func (r *run) token(q *live) {
	if q.known == q.Job.Prompt {
		q.Start = r.now
	} else {
		q.Gaps = append(q.Gaps, r.now-q.token)
	}
	q.token = r.now
	q.known++
}

// leave frees what an ended request holds.
func (r *run) leave(q *live) {
	r.keep(q.Family, min(q.Shared, len(q.cells)))
	r.shrink(q, 0)
	r.forget(q.own())
	delete(r.live, q.id)
}
