package batching

import (
	"fmt"
	"testing"
	"time"
)

// crowded runs 256 requests that decode, while so many wait, of 32 tenants and
// three classes, a quarter of them behind a leader.
func crowded(b *testing.B, seqs, waiting int) *world {
	costs := &Costs{Points: []Point{{1, 5 * ms}, {8, 8 * ms}, {256, 60 * ms}, {1024, 240 * ms}}}
	fx := &recorder{prefix: map[ReqID]Prefix{}, drafts: map[ReqID]int{}, freed: map[ReqID]int{}}
	s, err := New(Limits{Seqs: seqs, Cells: 1 << 20, Rows: 1024, Align: 4, Queue: 8192, Step: 50 * ms, Age: 10 * time.Second}, costs, fx)
	if err != nil {
		b.Fatal(err)
	}
	w := &world{s: s, fx: fx, cells: 1 << 20, now: time.Unix(1e9, 0)}
	fx.world = w
	for i := range 256 + waiting {
		w.last++
		if i >= 256 && i%4 == 0 {
			fx.prefix[w.last] = Prefix{Ready: 64, Free: 64, Coming: 100, Leader: ReqID(i % 256)}
		}
		job := Job{ID: w.last, Tenant: fmt.Sprint(i % 32), Class: Class(i%3 - 1), Prompt: 101 + i%200}
		if err := s.Submit(job, w.now); err != nil {
			b.Fatal(err)
		}
		w.now = w.now.Add(ms)
		if i == 255 {
			for s.waitingOrPrompts() {
				w.commit(w.plan())
			}
		}
	}
	return w
}

func (s *Scheduler) waitingOrPrompts() bool {
	for _, r := range s.running {
		if !r.decoding() {
			return true
		}
	}
	return len(s.waiting) > 0
}

// commit lets a plan be computed; nobody ends.
func (w *world) commit(plan Plan) {
	var outcomes []Outcome
	for _, r := range plan {
		if r.Last {
			outcomes = append(outcomes, Outcome{ID: r.ID, Tokens: 1})
		}
	}
	w.now = w.now.Add(20 * ms)
	w.s.Commit(plan, outcomes, w.s.cost(plan.Len(), 0))
}

// BenchmarkNext plans steps of 256 decodes beside a queue of 1,000: with no
// sequence free, and with one that ends and is taken each time.
func BenchmarkNext(b *testing.B) {
	for _, c := range []struct {
		name string
		seqs int
	}{{"full", 256}, {"starts", 257}} {
		b.Run(c.name, func(b *testing.B) {
			w := crowded(b, c.seqs, 1000)
			for b.Loop() {
				plan := w.s.Next(Room{Cells: 1 << 19, Seqs: c.seqs - len(w.s.running)}, w.now)
				b.StopTimer()
				w.commit(plan)
				if n := len(w.s.running); n == c.seqs && c.seqs > 256 {
					last := w.s.running[n-1]
					w.s.Cancel(last.id)
					w.last++
					w.s.Submit(Job{ID: w.last, Tenant: last.tenant.name, Class: last.class, Prompt: 101}, w.now)
				}
				b.StartTimer()
			}
		})
	}
}

func BenchmarkSubmit(b *testing.B) {
	w := crowded(b, 256, 1000)
	for b.Loop() {
		w.last++
		if err := w.s.Submit(Job{ID: w.last, Tenant: "7", Prompt: 101}, w.now); err != nil {
			b.Fatal(err)
		}
		w.s.Cancel(w.last)
	}
}
