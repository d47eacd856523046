package engine

import (
	"errors"
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

func (fx effects) Start(id batching.ReqID) int { return fx.e.start(fx.e.live[id]) }

func (fx effects) Pause(id batching.ReqID) { fx.e.drop(fx.e.live[id]) }

// start opens a sequence on the longest kept prefix that the model can resume.
func (e *Engine) start(q *sequence) int {
	h := &kvcache.Handle{}
	if r := q.stream.request; !r.NoCache {
		h = e.cache.Match(r.Partition, q.tokens[:len(q.tokens)-1])
	}
	n := h.Len()
	if n > 0 && !e.backend.CanResume(h.Seq(), Pos(n)) {
		n = 0
	}
	if n == 0 {
		h.Release()
	}
	e.open(q, h, n)
	e.evict(e.shape.Cells) // what is still idle would cost every step and serves none
	return q.computed
}

// open takes the sequence and removes what lies beyond its n resumed tokens.
func (e *Engine) open(q *sequence, h *kvcache.Handle, n int) {
	opened, err := e.cache.Start(h, n)
	if err != nil {
		panic(err) // the scheduler starts no more than Room.Seqs
	}
	if !e.backend.Remove(opened.Seq, Pos(opened.Len)) {
		panic("engine: the backend refuses to truncate what it said it can resume")
	}
	q.seq, q.held, q.computed = opened.Seq, true, opened.Len
	if q.cached < 0 {
		q.cached, q.started = opened.Len, time.Now()
	}
}

// evict gives up idle prefixes until so many cells are free. It returns whether any was.
func (e *Engine) evict(cells int) bool {
	gone := e.cache.Evict(cells)
	for _, seq := range gone {
		e.backend.Remove(seq, 0)
	}
	return len(gone) > 0
}

// release forgets a live request; keep leaves its computed tokens as an idle prefix.
func (e *Engine) release(q *sequence, keep bool) {
	delete(e.live, q.id)
	q.unmatch()
	if !q.held {
		return
	}
	if r := q.stream.request; keep && !r.NoCache {
		q.held = false
		if err := e.cache.Keep(r.Partition, q.tokens[:q.computed], q.seq); err != nil {
			panic(err) // the ledger and the sequence disagree
		}
		return
	}
	e.drop(q)
}

// drop takes the sequence back and forgets what was computed.
func (e *Engine) drop(q *sequence) {
	if err := e.cache.Drop(q.seq); err != nil {
		panic(err) // the ledger and the sequence disagree
	}
	e.backend.Remove(q.seq, 0)
	q.held, q.computed = false, 0
}
