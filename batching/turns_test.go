package batching

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// adapters lists the adapters that a plan has rows of.
func (w *world) adapters(plan Plan) (names []string) {
	for _, rows := range plan {
		if a := w.s.live[rows.ID].adapter; !slices.Contains(names, a) {
			names = append(names, a)
		}
	}
	return names
}

func TestAStepHasRowsOfOneAdapter(t *testing.T) {
	for _, fuse := range []bool{false, true} {
		t.Run(fmt.Sprintf("fused %t", fuse), rapid.MakeCheck(func(rt *rapid.T) {
			w := newWorld(t, Limits{Seqs: 4, Cells: 400, Rows: 64, Queue: 1000, Fuse: fuse, Step: 20 * time.Millisecond})
			left := map[ReqID]int{}
			jobs := rapid.IntRange(1, 24).Draw(rt, "jobs")
			for jobs > 0 || len(left) > 0 {
				for jobs > 0 && (len(left) == 0 || rapid.Bool().Draw(rt, "comes")) {
					w.job(Job{Prompt: rapid.IntRange(1, 90).Draw(rt, "prompt"), Adapter: rapid.SampledFrom([]string{"", "a", "b"}).Draw(rt, "adapter")})
					left[w.last], jobs = rapid.IntRange(1, 8).Draw(rt, "answer"), jobs-1
				}
				plan := w.plan()
				if n := len(w.adapters(plan)); n != 1 {
					rt.Fatalf("a step of %d adapters while %d requests are there", n, len(left))
				}
				w.compute(plan, left)
			}
		}))
	}
}

// compute has a plan computed; left counts the tokens that each request still generates.
func (w *world) compute(plan Plan, left map[ReqID]int) {
	var outcomes []Outcome
	for _, r := range plan {
		if r.Last {
			left[r.ID]--
			outcomes = append(outcomes, Outcome{ID: r.ID, Tokens: 1, Ended: left[r.ID] == 0})
			if left[r.ID] == 0 {
				delete(left, r.ID)
			}
		}
	}
	took := w.s.costs.Predict(Step{Rows: plan.Len()})
	w.now = w.now.Add(took)
	w.s.Commit(plan, outcomes, took)
	if err := w.s.Check(); err != nil {
		w.t.Fatal(err)
	}
}

func TestAdaptersHaveTheSameTime(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 8, Cells: 10000, Rows: 64, Queue: 100})
	left := map[ReqID]int{}
	for _, a := range []string{"", "", "", "", "", "a", "b"} {
		w.job(Job{Prompt: 4, Adapter: a})
		left[w.last] = 1 << 20
	}
	spent := map[string]time.Duration{}
	for w.now.Before(time.Unix(1e9, 0).Add(30 * turn)) {
		plan := w.plan()
		name, began := w.adapters(plan)[0], w.now
		w.compute(plan, left)
		spent[name] += w.now.Sub(began)
	}
	for name, d := range spent {
		if d < 9*turn || d > 11*turn {
			t.Errorf("adapter %q had %v of 30 turns, each %v", name, d, turn)
		}
	}
}

func TestAnAdapterThatComesWaitsForOneTurn(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 8, Cells: 10000, Rows: 64, Queue: 100})
	left := map[ReqID]int{1: 1 << 20, 2: 5}
	w.job(Job{Prompt: 4})
	for range 1000 {
		w.compute(w.plan(), left)
	}
	w.job(Job{Prompt: 4, Adapter: "a"})
	if got := w.adapters(w.plan()); !slices.Equal(got, []string{"a"}) {
		t.Errorf("after a long turn alone the next step is of %q", got)
	}
}

func TestWhoWaitsForASequenceIsNotOvertakenByAnotherAdapter(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 1, Cells: 1000, Rows: 64, Queue: 100})
	left := map[ReqID]int{}
	for i := range 20 {
		w.job(Job{Prompt: 4, Adapter: []string{"", "a"}[i%2]})
		left[w.last] = 3
	}
	for len(left) > 0 {
		w.compute(w.plan(), left)
	}
	var order []string
	for id := ReqID(1); id <= 20; id++ {
		order = append(order, fmt.Sprintf("start %d", id))
	}
	w.fx.want(t, order...)
}
