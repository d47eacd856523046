// Package sim plays arrivals against the scheduler with a table of step costs.
//
// Owns: a clock, a small model of the prefix cache, the measures of a run.
// Must not import: anything but batching and the standard library.
// Flow: Run submits arrivals when they are due, lets each planned step take what
// the costs say, and returns what became of every arrival.
package sim

import (
	"errors"
	"slices"
	"time"

	"github.com/moltbot/moltbot/batching"
)

// Arrival is a request that comes at a time. Job.ID is given by Run.
type Arrival struct {
	At     time.Duration // since the start
	Job    batching.Job
	Answer int    // tokens that it generates
	Family string // requests of one family begin with the same Shared tokens
	Shared int    // below Job.Prompt
}

// Result is what became of an arrival.
type Result struct {
	Arrival
	Refused    int           // how often it was told to come back
	Start, End time.Duration // of the first token and the last; End is 0 where it was not served
	Computed   int           // rows, drafts not counted
}

// run is the state of a simulation.
type run struct {
	sched *batching.Scheduler
	costs batching.Costs
	size  batching.Limits
	now   time.Duration
	live  map[batching.ReqID]*live
	last  batching.ReqID
	due   []*Result // not submitted, by time
}

type live struct {
	*Result
	known, computed int
	shares          int // of computed, cells of another
	runs            bool
}

var epoch = time.Unix(0, 0)

// Run plays the arrivals, in the order of their times. Who is refused comes back
// when it was told to. The error is of New or Check.
func Run(l batching.Limits, costs batching.Costs, arrivals []Arrival) ([]*Result, error) {
	costs.Points = slices.Clone(costs.Points)
	r := &run{costs: costs, size: l, live: map[batching.ReqID]*live{}}
	var err error
	if r.sched, err = batching.New(l, &batching.Costs{Points: slices.Clone(costs.Points), Cell: costs.Cell}, r); err != nil {
		return nil, err
	}
	for _, a := range arrivals {
		r.due = append(r.due, &Result{Arrival: a})
	}
	all := slices.Clone(r.due)
	for len(r.due)+len(r.live) > 0 {
		r.arrive()
		if err := r.step(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// arrive submits who is due; where nothing runs, time jumps to the next.
func (r *run) arrive() {
	if len(r.live) == 0 && len(r.due) > 0 {
		r.now = max(r.now, r.due[0].At)
	}
	for len(r.due) > 0 && r.due[0].At <= r.now {
		a := r.due[0]
		r.due = r.due[1:]
		r.last++
		a.Job.ID = r.last
		var busy *batching.BusyError
		if err := r.sched.Submit(a.Job, epoch.Add(r.now)); errors.As(err, &busy) {
			r.again(a, busy.Wait)
		} else if err == nil {
			r.live[r.last] = &live{Result: a, known: a.Job.Prompt}
		}
	}
}

func (r *run) again(a *Result, wait time.Duration) {
	a.Refused++
	a.At = r.now + wait
	i, _ := slices.BinarySearchFunc(r.due, a, func(x, y *Result) int { return int(x.At - y.At) })
	r.due = slices.Insert(r.due, i, a)
}

func (r *run) step() error {
	for _, id := range r.sched.Expired(epoch.Add(r.now)) {
		delete(r.live, id)
	}
	used, running := r.used()
	plan := r.sched.Next(batching.Room{Cells: r.size.Cells - used, Seqs: r.size.Seqs - running, Used: used}, epoch.Add(r.now))
	took := r.costs.Predict(plan.Len(), used)
	r.now += took
	var outcomes []batching.Outcome
	for _, rows := range plan {
		q := r.live[rows.ID]
		q.computed, q.Computed = rows.From+rows.N, q.Computed+rows.N
		if rows.Last {
			outcomes = append(outcomes, r.token(q))
		}
	}
	r.sched.Commit(plan, outcomes, took)
	return r.sched.Check()
}

func (r *run) token(q *live) batching.Outcome {
	if q.known++; q.Start == 0 {
		q.Start = r.now
	}
	o := batching.Outcome{ID: q.Job.ID, Tokens: 1, Ended: q.known-q.Job.Prompt >= q.Answer}
	if o.Ended {
		q.End = r.now
		delete(r.live, q.Job.ID)
	}
	return o
}

// used counts cells, as if what is shared went away with who computed it.
func (r *run) used() (cells, running int) {
	for _, q := range r.live {
		if q.runs {
			cells, running = cells+q.computed-q.shares, running+1
		}
	}
	return cells, running
}

// Look implements batching.Effects: running requests of the same family are shared.
func (r *run) Look(id batching.ReqID) batching.Prefix {
	q, p := r.live[id], batching.Prefix{}
	for other, l := range r.live {
		if !l.runs || q.Family == "" || l.Family != q.Family {
			continue
		}
		common := min(q.Shared, l.Shared)
		p.Ready = max(p.Ready, min(common, l.computed))
		if common > p.Coming || common == p.Coming && other < p.Leader {
			p.Coming, p.Leader = common, other
		}
	}
	if p.Free = p.Ready; p.Coming <= p.Ready {
		p.Coming = 0
	}
	return p
}

// Start implements batching.Effects.
func (r *run) Start(id batching.ReqID) batching.Started {
	q := r.live[id]
	p := r.Look(id)
	q.runs, q.computed, q.shares = true, p.Ready, p.Free
	return batching.Started{Computed: p.Ready}
}

// Pause implements batching.Effects.
func (r *run) Pause(id batching.ReqID) int {
	q := r.live[id]
	freed := q.computed - q.shares
	q.runs, q.computed, q.shares = false, 0, 0
	return freed
}

// Propose implements batching.Effects: nobody guesses here.
func (r *run) Propose(batching.ReqID, int) int { return 0 }
