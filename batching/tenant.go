package batching

import "time"

// What a token costs its tenant. Source: Sheng et al., Fairness in Serving
// Large Language Models, OSDI 2024.
const (
	inputWeight  = 1.
	outputWeight = 2.
)

// tenant counts the service that one party got: the virtual token counter.
//
// A prompt is charged when its request starts, for the tokens that are not
// computed then: otherwise a tenant could fill all free sequences in one step
// before anything counts. Cached tokens are free, since they cost the others
// nothing; what a cancelled request leaves uncomputed is given back; what is
// computed again after a pause is free: the tenant didn't choose it.
type tenant struct {
	name    string
	weight  float64
	counter float64   // weighted tokens served, divided by weight
	waiting int       // its requests in the queue
	running int       // its requests that run
	started time.Time // when one of its requests started last

	// of the round of planner.head that is marked:
	round int64
	level int // the most urgent of its requests counts as
	head  *request
}

// tenants are all that have requests, or more service behind them than a newcomer would be given.
type tenants struct {
	of      map[string]*tenant
	weights map[string]float64
	waiting int     // requests in the queue
	floor   float64 // the least counter of those that wait, or of who left the queue last
	round   int64   // of planner.head
	sweep   int     // tenants that may be known before the idle ones are looked through
}

// joins counts one more waiting request. A tenant that had none waiting comes
// back at the least counter of those that wait: credit can't be saved up.
func (ts *tenants) joins(name string) *tenant {
	t := ts.of[name]
	if t == nil {
		t = ts.add(name)
	}
	if t.waiting == 0 {
		ts.settle()
		t.counter = max(t.counter, ts.floor)
	}
	t.waiting++
	ts.waiting++
	return t
}

func (ts *tenants) add(name string) *tenant {
	if len(ts.of) >= max(ts.sweep, 64) {
		ts.forget()
		ts.sweep = 2 * len(ts.of)
	}
	t := &tenant{name: name, weight: ts.weight(name), counter: ts.floor}
	ts.of[name] = t
	return t
}

// forget drops idle tenants that would come back at the floor anyway.
func (ts *tenants) forget() {
	ts.settle()
	for name, t := range ts.of {
		if t.waiting+t.running == 0 && t.counter <= ts.floor {
			delete(ts.of, name)
		}
	}
}

// settle moves the floor up to the least counter of those that wait.
func (ts *tenants) settle() {
	least, any := 0., false
	for _, t := range ts.of {
		if t.waiting > 0 && (!any || t.counter < least) {
			least, any = t.counter, true
		}
	}
	if any {
		ts.floor = max(ts.floor, least)
	}
}

// leaves counts one waiting request less.
func (ts *tenants) leaves(t *tenant) {
	t.waiting--
	ts.waiting--
	if ts.waiting == 0 {
		ts.floor = max(ts.floor, t.counter)
	}
}

// charge counts weighted tokens, or gives them back.
func (ts *tenants) charge(t *tenant, weighted float64) { t.counter += weighted / t.weight }

// starts charges what a request is about to compute, once.
func (ts *tenants) starts(r *request, again bool, now time.Time) {
	r.tenant.running++
	r.tenant.started = now
	if !again {
		ts.charge(r.tenant, inputWeight*float64(r.charged))
	}
}

// pauses counts a request that goes back to the queue. Its tenant is not lifted: it never left.
func (ts *tenants) pauses(t *tenant) {
	t.running--
	t.waiting++
	ts.waiting++
}

func (ts *tenants) weight(name string) float64 {
	if w, ok := ts.weights[name]; ok {
		return w
	}
	return 1
}
