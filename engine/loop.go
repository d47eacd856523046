package engine

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/moltbot/moltbot/batching"
	"github.com/moltbot/moltbot/kvcache"
)

// run is the loop; it ends when the engine was drained or stopped.
func (e *Engine) run() {
	runtime.LockOSThread() // the backend's threads and device belong to this one
	defer close(e.done)
	defer e.backend.Close()
	defer e.closeDraft()
	defer e.closeCache()
	for !e.closing || len(e.live) > 0 {
		if len(e.live) == 0 {
			<-e.inbox.wake
		}
		runtime.Gosched() // a new time slice, or Go's sysmon polls beside every decode (docs/benchmarks)
		if err := e.turn(); err != nil {
			e.log.Error().Err(err).Msg("step failed")
		}
	}
	e.refuse(e.inbox.close())
}

// turn hears and makes a step. What panics on the way is a mistake of ours, after
// which nobody knows what lies in which cell: the engine ends, the process doesn't.
func (e *Engine) turn() (err error) {
	defer func() {
		if p := recover(); p != nil {
			e.log.Error().Bytes("stack", debug.Stack()).Msg("the engine ends")
			err = e.abandon(fmt.Errorf("engine: %v", p))
		}
	}()
	e.hear()
	return e.step()
}

// abandon ends all requests, now and later, with one error. The cache is asked
// nothing any more, and leaves nothing for the next run but what is on disk.
func (e *Engine) abandon(err error) error {
	e.failure = fmt.Errorf("%w: %w", ErrFailed, err)
	e.closing = true
	for _, q := range e.live {
		q.unmatch()
		q.stream.end(Result{}, e.failure)
	}
	clear(e.live)
	e.load.set(Load{}, 0)
	return err
}

// why tells what requests hear that come too late.
func (e *Engine) why() error {
	if e.failure != nil {
		return e.failure
	}
	return ErrClosed
}

// step plans rows, decodes them and delivers the tokens.
func (e *Engine) step() error {
	began := time.Now()
	e.expire(began)
	plan := e.sched.Next(e.room(), began)
	defer e.report(plan)
	if len(plan) == 0 {
		return nil
	}
	if err := e.decode(plan); err != nil {
		return e.recover(plan, err)
	}
	outcomes, err := e.deliver(plan)
	if err != nil {
		panic(err) // the ledger and the backend disagree
	}
	e.sched.Commit(plan, outcomes, time.Since(began))
	return nil
}

// hear drains the inbox.
func (e *Engine) hear() {
	for _, ev := range e.inbox.drain() {
		switch {
		case ev.submit != nil:
			ev.submit.verdict <- e.admitAll(ev.submit.streams)
		case ev.cancel != nil:
			e.cancel(ev.cancel)
		case ev.spilled != nil:
			e.spilled(*ev.spilled)
		case ev.flush != nil:
			e.cache.Flush()
			close(ev.flush)
		case ev.stop:
			e.endAll(ErrClosed)
			e.closing = true
		case ev.drain:
			e.closing = true
		}
	}
}

// admitAll queues requests in their order, all or none.
func (e *Engine) admitAll(streams []*Stream) error {
	for i, s := range streams {
		if err := e.admit(s); err != nil {
			for _, admitted := range streams[:i] {
				e.cancel(admitted)
			}
			return err
		}
	}
	return nil
}

// admit queues a request, or tells why not.
func (e *Engine) admit(s *Stream) error {
	if e.closing {
		return ErrClosed
	}
	id := e.lastID + 1
	err := e.sched.Submit(s.request.job(id), time.Now())
	if busy, ok := errors.AsType[*batching.BusyError](err); ok {
		return &BusyError{Waiting: busy.Waiting, RetryAfter: max(time.Second, busy.Wait)}
	}
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	e.lastID = id
	s.seq = newSequence(id, s, e.vocab)
	e.live[id] = s.seq
	return nil
}

// refuse answers what came after the loop had ended.
func (e *Engine) refuse(events []event) {
	for _, ev := range events {
		if ev.submit != nil {
			ev.submit.verdict <- e.why()
		}
	}
}

// cancel forgets a request whose reader has gone.
func (e *Engine) cancel(s *Stream) {
	if s.seq == nil || e.live[s.seq.id] == nil {
		return
	}
	e.sched.Cancel(s.seq.id)
	e.release(s.seq, true)
	s.end(Result{}, errCancelled)
}

// endAll ends every live request with err.
func (e *Engine) endAll(err error) {
	for id, q := range e.live {
		e.sched.Cancel(id)
		e.release(q, false)
		q.stream.end(Result{}, err)
	}
}

// recover deals with a step that was not computed. Without a slot idle prefixes
// go, then a request is paused or the step shrinks, and it is planned anew. So it
// is after an abort, unless the order to stop waits in the inbox. After any other
// error the step's requests end.
func (e *Engine) recover(plan batching.Plan, err error) error {
	switch {
	case errors.Is(err, kvcache.ErrNoCells), errors.Is(err, kvcache.ErrNotHeld):
		panic(err) // it was computed, but the ledger and the backend disagree
	case errors.Is(err, ErrNoSlot) && (e.cache.Evict(e.shape.Cells) > 0 || e.sched.NoSlot(plan)):
		e.log.Debug().Msg("no KV slot: made room, trying again")
		return nil
	case errors.Is(err, ErrAborted):
		return e.fail(e.rewind(plan), err)
	}
	e.rewind(plan)
	return e.fail(plan, err)
}

// rewind takes back what a step has computed before it failed. It returns the
// rows of those requests whose memory does not go back.
func (e *Engine) rewind(plan batching.Plan) (stuck batching.Plan) {
	for _, rows := range plan {
		q := e.live[rows.ID]
		if n := Pos(q.computed); !e.backend.Remove(q.seq, n) || !e.backend.CanResume(q.seq, n) {
			stuck = append(stuck, rows)
		}
	}
	return stuck
}

// fail ends the requests of a plan.
func (e *Engine) fail(plan batching.Plan, err error) error {
	if len(plan) == 0 {
		return nil
	}
	for _, rows := range plan {
		q := e.live[rows.ID]
		e.sched.Cancel(rows.ID)
		q.fail(err)
		e.release(q, false)
	}
	return fmt.Errorf("engine: %d requests ended: %w", len(plan), err)
}

// expire ends the requests whose deadline passed before they could start.
func (e *Engine) expire(now time.Time) {
	for _, id := range e.sched.Expired(now) {
		q := e.live[id]
		e.release(q, false)
		q.stream.end(Result{}, ErrDeadline)
	}
}

// report publishes the load after a step.
func (e *Engine) report(plan batching.Plan) {
	running, waiting := e.sched.Load()
	e.load.set(Load{Running: running, Waiting: waiting, Cells: e.cache.Count(), Reuse: e.reuse}, int64(min(1, len(plan))))
}
