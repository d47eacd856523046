package batching

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// duel keeps tenants backlogged, each with requests of its own size, and counts
// what they get, weighted.
type duel struct {
	*world
	service map[string]float64
	sizes   map[string]Job // of a tenant's requests; MaxTokens is what they generate
}

func newDuel(t *testing.T, l Limits, sizes map[string]Job) *duel {
	d := &duel{newWorld(t, l), map[string]float64{}, sizes}
	for range 4 * l.Seqs {
		for _, name := range []string{"a", "b"} {
			d.more(name)
		}
	}
	return d
}

func (d *duel) more(name string) {
	j := d.sizes[name]
	j.Tenant = name
	d.job(j)
}

// round makes a step. Who has all its tokens ends, and another of its tenant comes.
func (d *duel) round() {
	plan := d.plan()
	var outcomes []Outcome
	for _, rows := range plan {
		r := d.s.live[rows.ID]
		d.service[r.tenant.name] += inputWeight * float64(max(0, min(rows.From+rows.N, r.prompt)-rows.From))
		if rows.Last {
			d.service[r.tenant.name] += outputWeight
			outcomes = append(outcomes, Outcome{ID: r.id, Tokens: 1, Ended: r.known+1 == r.prompt+r.maxTokens})
		}
	}
	for _, o := range outcomes {
		if o.Ended {
			d.more(d.s.live[o.ID].tenant.name)
		}
	}
	d.s.Commit(plan, outcomes, d.s.cost(plan.Len(), 0))
	d.now = d.now.Add(d.s.cost(plan.Len(), 0))
}

// gap returns by how much the weighted service of the two differs.
func (d *duel) gap() float64 {
	return math.Abs(d.service["a"]/d.s.tenants.weight("a") - d.service["b"]/d.s.tenants.weight("b"))
}

// TestBackloggedTenantsAreServedAlike: of two tenants that always wait, neither
// gets ahead by more than 2*max(input weight * longest prompt, output weight *
// tokens that run), over the least weight, however unlike their requests are.
// Source: Sheng et al., OSDI 2024, theorem 4.4.
func TestBackloggedTenantsAreServedAlike(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		size := func(name string) Job {
			return Job{Prompt: rapid.IntRange(1, 60).Draw(r, name+" prompt"), MaxTokens: rapid.IntRange(1, 30).Draw(r, name+" answer")}
		}
		weight := rapid.Float64Range(.25, 4).Draw(r, "weight of b")
		l := Limits{
			Seqs: rapid.IntRange(1, 6).Draw(r, "seqs"), Cells: 600, Rows: 64, Queue: 500,
			Fuse: rapid.Bool().Draw(r, "fuse"), Weights: map[string]float64{"b": weight},
		}
		d := newDuel(t, l, map[string]Job{"a": size("a"), "b": size("b")})
		bound := 2 * max(inputWeight*60, outputWeight*float64(l.Seqs*90)) / min(1, weight)
		for n := range 300 {
			if d.round(); d.gap() > bound {
				r.Fatalf("after %d steps the service differs by %v, it may by %v: %v", n+1, d.gap(), bound, d.service)
			}
		}
	})
}

func TestWeightsDivideTheService(t *testing.T) {
	l := Limits{Seqs: 4, Cells: 4000, Rows: 64, Queue: 500, Weights: map[string]float64{"b": 3}}
	same := Job{Prompt: 20, MaxTokens: 10}
	d := newDuel(t, l, map[string]Job{"a": same, "b": same})
	for range 2000 {
		d.round()
	}
	if got := d.service["b"] / d.service["a"]; got < 2.7 || got > 3.3 {
		t.Errorf("a tenant of weight 3 got %.2f times the service", got)
	}
}

func TestWhoComesBackHasNoCreditFromItsAbsence(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 1, Cells: 900, Rows: 64, Queue: 99})
	run := func() (tenant string) {
		plan := w.plan()
		r := w.s.live[plan[0].ID]
		w.s.Commit(plan, []Outcome{{ID: r.id, Tokens: 1, Ended: true}}, ms)
		return r.tenant.name
	}
	for range 20 {
		w.job(Job{Prompt: 50, Tenant: "a"})
	}
	for range 10 {
		run()
	}
	for range 10 {
		w.job(Job{Prompt: 50, Tenant: "b"}) // it was away for ten requests of the other
	}
	served := map[string]int{}
	for range 8 {
		served[run()]++
	}
	if served["a"] != 4 {
		t.Errorf("of the next eight requests %v were served, want four of each", served)
	}
}

func TestOneTenantLeavesPlacesToOthers(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 1, Cells: 900, Rows: 64, Queue: 90})
	flood := func(tenant string) (n int) {
		for range 200 {
			w.last++
			if w.s.Submit(Job{ID: w.last, Prompt: 9, MaxTokens: 9, Tenant: tenant}, w.now) == nil {
				n++
			}
		}
		return n
	}
	if n := flood("a"); n != 80 {
		t.Errorf("alone a tenant has %d places of 90, want 80", n)
	}
	if n := flood("b"); n < 8 {
		t.Errorf("beside it another has %d places", n)
	}
	w.last++
	if err := w.s.Submit(Job{ID: w.last, Prompt: 9, Tenant: "c"}, w.now); err != nil {
		t.Errorf("beside two that come without end a third is refused: %v", err)
	}
}

func TestATenantsTokensLeaveRoomToOthers(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 1, Cells: 900, Rows: 64, Queue: 90, QueueTokens: 900})
	n := 0
	for ; ; n++ {
		w.last++
		if w.s.Submit(Job{ID: w.last, Prompt: 50, Tenant: "a"}, w.now) != nil {
			break
		}
	}
	if n != 16 {
		t.Errorf("alone a tenant has %d tokens of 900 in the queue, want 800", 50*n)
	}
	w.job(Job{Prompt: 50, Tenant: "b"})
}

func TestIdleTenantsAreForgotten(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 1, Cells: 900, Rows: 64, Queue: 9})
	for i := range 1000 {
		w.job(Job{Prompt: 1, Tenant: fmt.Sprint(i)})
		w.step(w.last)
	}
	if n := len(w.s.tenants.of); n > 130 {
		t.Errorf("%d tenants are known after 1000 came and went", n)
	}
}
