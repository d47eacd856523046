package embed

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/moltbot/moltbot/engine"
)

// request is what one call of Embed wants.
type request struct {
	ctx     context.Context
	seqs    [][]Token
	vectors [][]float32
	verdict chan error // one

	taken int // sequences that went into a batch
	given int // of these, the ones that came back
}

// piece is one sequence of a request.
type piece struct {
	request *request
	index   int
}

// queue holds the requests that are not answered yet, in the order in which
// they have their turn.
type queue struct {
	limit int

	mu     sync.Mutex
	wake   *sync.Cond
	live   []*request
	steps  int64
	closed bool
}

func newQueue(limit int) *queue {
	q := &queue{limit: limit}
	q.wake = sync.NewCond(&q.mu)
	return q
}

// retryAfter is when trying again makes sense: a hint only.
const retryAfter = time.Second

// put appends a request. Errors: engine.ErrClosed, *engine.BusyError.
func (q *queue) put(r *request) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return engine.ErrClosed
	}
	q.forget()
	if len(q.live) >= q.limit {
		return &engine.BusyError{Waiting: len(q.live), RetryAfter: retryAfter}
	}
	q.live = append(q.live, r)
	q.wake.Signal()
	return nil
}

// next waits for work and takes a batch of it; false when there will be no more.
func (q *queue) next(s Shape) ([]piece, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		q.forget()
		if batch := q.take(s); len(batch) > 0 {
			q.steps++
			return batch, true
		}
		if q.closed && len(q.live) == 0 {
			return nil, false
		}
		q.wake.Wait()
	}
}

// take fills a batch: a sequence of each request in turn, so that a request of
// thousands doesn't hold up one of a few. The first that doesn't fit ends it.
func (q *queue) take(s Shape) (batch []piece) {
	rows := 0
	for more := true; more; {
		more = false
		for _, r := range q.live {
			if r.taken == len(r.seqs) {
				continue
			}
			n := len(r.seqs[r.taken])
			if len(batch) > 0 && (rows+n > s.Rows || len(batch) == s.Seqs) {
				q.rotate(r)
				return batch
			}
			batch = append(batch, piece{r, r.taken})
			r.taken++
			rows += n
			more = true
		}
	}
	return batch
}

// rotate gives r the first turn of the next batch.
func (q *queue) rotate(r *request) {
	i := slices.Index(q.live, r)
	q.live = slices.Concat(q.live[i:], q.live[:i])
}

// deliver hands a vector to its request, which ends with the last one.
func (q *queue) deliver(p piece, v []float32) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r := p.request
	r.vectors[p.index] = v
	r.given++
	if r.given == len(r.seqs) {
		q.answer(r, nil)
	}
}

// end ends a request with an error.
func (q *queue) end(r *request, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.answer(r, err)
}

// empty ends all requests with an error.
func (q *queue) empty(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range slices.Clone(q.live) {
		q.answer(r, err)
	}
}

// forget drops the requests that nobody waits for any more.
func (q *queue) forget() {
	q.live = slices.DeleteFunc(q.live, func(r *request) bool { return r.ctx.Err() != nil })
}

// answer takes a request out of the queue and tells its verdict, once: one that
// is not there any more has its verdict, or nobody who waits for it.
func (q *queue) answer(r *request, err error) {
	if i := slices.Index(q.live, r); i >= 0 {
		q.live = slices.Delete(q.live, i, i+1)
		r.verdict <- err
	}
}

// close refuses requests from now on.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake.Signal()
}

// load counts the requests of which something is computed and those that wait.
func (q *queue) load() engine.Load {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := engine.Load{Steps: q.steps}
	for _, r := range q.live {
		if r.taken > r.given {
			l.Running++
		} else {
			l.Waiting++
		}
	}
	return l
}
