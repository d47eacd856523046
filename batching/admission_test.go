package batching

import (
	"errors"
	"testing"
	"time"
)

// refused submits a job that must be refused, and returns what it was told.
func (w *world) refused(j Job) time.Duration {
	w.t.Helper()
	w.last++
	j.ID = w.last
	var busy *BusyError
	if err := w.s.Submit(j, w.now); !errors.As(err, &busy) {
		w.t.Fatalf("%+v: %v, want a refusal", j, err)
	}
	return busy.Wait
}

func TestTheQueueHoldsSoManyTokens(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 1, Cells: 900, Rows: 64, Queue: 90, QueueTokens: 100})
	w.submit(10)
	w.step()
	w.submit(200) // where nobody waits any prompt may
	if wait := w.refused(Job{Prompt: 1}); wait <= 0 {
		t.Errorf("told to come back in %v", wait)
	}
}

func TestALongPredictedWaitIsRefusedThoughTheQueueHasPlaces(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 1, Cells: 900, Rows: 64, Queue: 90, MaxWait: 500 * ms})
	w.job(Job{Prompt: 10, MaxTokens: 200})
	w.step()
	w.job(Job{Prompt: 10, MaxTokens: 400}) // 200 steps of 1 ms until it starts
	if wait := w.refused(Job{Prompt: 10, MaxTokens: 10}); wait < 100*ms {
		t.Errorf("behind 600 ms of others told to come back in %v", wait)
	}
	w.job(Job{Prompt: 10, MaxTokens: 400, Class: PriorityClass}) // it doesn't wait for those
}

func TestWhoComesBackWhenToldFindsAPlaceThatNewcomersLeave(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 1, Cells: 900, Rows: 64, Queue: 4})
	job := Job{Prompt: 10, MaxTokens: 10}
	for range 4 {
		w.job(job)
	}
	first := Job{Prompt: 11, MaxTokens: 10}
	wait := w.refused(first)
	w.s.Cancel(1)
	w.s.Cancel(2)
	w.refused(job) // two places are free and kept
	w.now = w.now.Add(wait)
	w.job(first)
}

func TestAPromiseNobodyComesForLapses(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 1, Cells: 900, Rows: 64, Queue: 4})
	job := Job{Prompt: 10, MaxTokens: 10}
	for range 4 {
		w.job(job)
	}
	wait := w.refused(job)
	w.s.Cancel(1)
	w.s.Cancel(2)
	w.now = w.now.Add(wait + patience + 1)
	w.job(Job{Prompt: 12})
	w.job(Job{Prompt: 12})
	if len(w.s.gate.lines) > 0 {
		t.Errorf("%d lines are remembered", len(w.s.gate.lines))
	}
}

func TestPromisesOfATenantAreDueOneAfterAnother(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 1, Cells: 900, Rows: 64, Queue: 2})
	job := Job{Prompt: 10, MaxTokens: 30} // 40 ms of the machine
	w.job(job)
	w.job(job)
	last := w.refused(job)
	for range 50 {
		wait := w.refused(job)
		if d := wait - last; d < 40*ms || d > 80*ms {
			t.Fatalf("told to come back %v after the one before, want 40 ms of work and some", d)
		}
		last = wait
	}
}
