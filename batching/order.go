package batching

import (
	"cmp"
	"time"
)

// The order of service has two rounds. Within a tenant: class and what waiting
// has added to it; who was paused; the longest cached prefix; the fewest rows to
// compute; arrival. Between tenants: the class of their most urgent request and
// what the tenant has waited for any service; the least counter; then the
// requests themselves. So an old queue of one tenant doesn't overtake another
// that has just come, while a tenant or a request that nobody serves rises until
// it is the most urgent of all.

// sameLength: cached prefixes that differ by less count as equally long, since
// unrelated prompts often begin alike: the words of a template around a system
// prompt are some tens of tokens. In the simulator 1 to 256 make no difference,
// since the next rule, the fewest rows, says nearly the same.
const sameLength = 64

// ages returns by how many classes a wait since then raises a request.
func (p *planner) ages(since time.Time) int {
	if p.s.limits.Age == 0 {
		return 0
	}
	return max(0, int(p.now.Sub(since)/p.s.limits.Age))
}

// level is what a waiting r counts as among all requests.
func (p *planner) level(r *request) int {
	return int(r.class) + min(p.ages(r.since), p.ages(r.tenant.started))
}

// before tells whether waiting a is served before waiting b of the same tenant.
func before(a, b *request) bool {
	return cmp.Or(
		cmp.Compare(b.own, a.own),
		first(a.begun, b.begun),
		cmp.Compare(b.prefix.Ready/sameLength, a.prefix.Ready/sameLength),
		cmp.Compare(a.rows(), b.rows()),
		cmp.Compare(a.id, b.id),
	) < 0
}

func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// head returns the waiting request that is served first, nil where none may
// start now. Only tenants where something has changed are looked through again.
func (p *planner) head() *request {
	var best *tenant
	for _, t := range p.s.tenants.of {
		if t.ranked != p.s.step {
			p.rank(t)
		}
		if t.head != nil && (best == nil || ahead(t, best)) {
			best = t
		}
	}
	if best == nil {
		return nil
	}
	return best.head
}

// rank finds who is served first of a tenant, and what the tenant counts as.
func (p *planner) rank(t *tenant) {
	t.ranked, t.head, t.level = p.s.step, nil, nobody
	unserved := p.ages(t.started)
	for _, r := range t.queue {
		if r.parked == p.s.step || r.follows() {
			continue
		}
		waited := p.ages(r.since)
		r.own = int(r.class) + waited
		t.level = max(t.level, int(r.class)+min(waited, unserved))
		if t.head == nil || before(r, t.head) {
			t.head = r
		}
	}
}

// ahead tells whether the head of tenant a is served before that of b.
func ahead(a, b *tenant) bool {
	return cmp.Or(
		cmp.Compare(b.level, a.level),
		cmp.Compare(a.counter, b.counter),
		cmp.Compare(a.head.rows(), b.head.rows()),
		cmp.Compare(a.head.id, b.head.id),
	) < 0
}

// urgency is what a running prompt counts as: its class, raised by the time
// without rows, or that of its most urgent follower.
func (p *planner) urgency(r *request) int { return max(int(r.class)+p.ages(r.served), r.boost) }

// byService orders running prompts.
func (p *planner) byService(a, b *request) int {
	return cmp.Or(
		cmp.Compare(p.urgency(b), p.urgency(a)),
		cmp.Compare(a.tenant.counter, b.tenant.counter),
		cmp.Compare(a.missing(), b.missing()),
		cmp.Compare(a.id, b.id),
	)
}

// overtakes tells whether the waiting head of its tenant gets rows before the
// running prompt q.
func (p *planner) overtakes(head, q *request) bool {
	return cmp.Or(
		cmp.Compare(p.urgency(q), head.tenant.level),
		cmp.Compare(head.tenant.counter, q.tenant.counter),
		cmp.Compare(head.rows(), q.missing()),
		cmp.Compare(head.id, q.id),
	) < 0
}
