package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/moltbot/moltbot/batching"
	"github.com/moltbot/moltbot/kvcache"
)

var errCancelled = errors.New("engine: the generation was cancelled")

// room is what the cache can give: free cells and those of idle prefixes.
func (e *Engine) room() batching.Room {
	n := e.cache.Count()
	return batching.Room{Cells: n.Free + n.Idle, Seqs: n.Seqs}
}

// effects carries out what the scheduler decides.
type effects struct{ e *Engine }

// Look implements batching.Effects.
func (fx effects) Look(id batching.ReqID) batching.Prefix {
	f := fx.e.cache.Look(fx.e.live[id].want())
	p := batching.Prefix{Ready: f.Ready, Free: f.Free, Coming: f.Coming}
	if f.Coming > 0 {
		p.Leader = fx.e.holder[f.Leader]
	}
	return p
}

// Start implements batching.Effects.
func (fx effects) Start(id batching.ReqID) batching.Started { return fx.e.start(fx.e.live[id]) }

// Pause implements batching.Effects: what was computed is kept like that of a
// finished request, so going on is an ordinary start.
func (fx effects) Pause(id batching.ReqID) (freed int) {
	q := fx.e.live[id]
	return fx.e.vacate(q, q.shares())
}

// Propose implements batching.Effects. Where a wrong guess can't be taken back, none is made.
func (fx effects) Propose(id batching.ReqID, most int) (n, agree int) {
	if fx.e.shape.States || fx.e.cfg.NoDrafts {
		return 0, 0
	}
	q := fx.e.live[id]
	q.drafts, agree = q.lookup.Propose(q.tokens, min(most, q.left(fx.e.cfg.Context)-1))
	return len(q.drafts), agree
}

// shares tells whether what it computes may serve others.
func (q *sequence) shares() bool {
	r := &q.stream.request
	return !r.NoCache && !r.PromptLogprobs
}

// want is what the cache is asked for. A request that refuses kept prefixes
// asks for nothing, under a name of its own.
func (q *sequence) want() kvcache.Want {
	if q.shares() {
		r := &q.stream.request
		return kvcache.Want{Key: r.Partition.Under(r.Adapter), Tokens: q.tokens}
	}
	return kvcache.Want{Key: kvcache.Key(fmt.Sprintf("request %d", q.id)), Tokens: q.tokens[:1]}
}

// start opens a sequence on the longest prefix that is at hand.
func (e *Engine) start(q *sequence) batching.Started {
	opened, err := e.cache.Start(e.cache.Match(q.want()), len(q.tokens)-1)
	if err != nil {
		panic(err) // the scheduler starts no more than Room.Seqs
	}
	q.seq, q.held, q.computed = opened.Seq, true, opened.Len
	e.holder[opened.Seq] = q.id
	if q.cached < 0 {
		q.cached, q.started = opened.Len, time.Now()
		e.reuse.add(len(q.stream.request.Prompt), opened, e.costs.Predict(batching.Step{Rows: opened.Len, Cells: opened.Len / 2}))
	}
	e.cache.Evict(e.shape.Cells) // what is still idle would cost every step and serves none
	return batching.Started{Computed: opened.Len, Cells: opened.Cells}
}

// release forgets a live request; keep leaves what it computed as a prefix.
func (e *Engine) release(q *sequence, keep bool) {
	delete(e.live, q.id)
	q.unmatch()
	if q.held {
		e.vacate(q, keep && q.shares())
	}
}

// vacate takes the sequence back and returns how many cells are held no more.
func (e *Engine) vacate(q *sequence, keep bool) (freed int) {
	end := e.cache.Drop
	if keep {
		end = e.cache.Keep
	}
	freed, err := end(q.seq)
	if err != nil {
		panic(err) // the ledger and the sequence disagree
	}
	e.drafter.drop(q.seq)
	q.held, q.computed, q.alone = false, 0, false
	return freed
}
