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
	counter float64    // weighted tokens served, divided by weight
	queue   []*request // its requests that wait, by arrival
	running int        // its requests that run
	started time.Time  // when one of its requests started last

	ranked int64    // the step that the following was found in; 0: it is out of date
	level  int      // what the most urgent in its queue counts as
	head   *request // the one in its queue that is served first; nil: none may be
}

// tenants are all that have requests, or more service behind them than a newcomer would be given.
type tenants struct {
	of      map[string]*tenant
	weights map[string]float64
	waiting int     // requests in the queue
	floor   float64 // the least counter of those that wait, or that of last; it never falls
	last    *tenant // who left the queue last
	sweep   int     // tenants that may be known before the idle ones are looked through
}

// joins returns the tenant of a request that is about to wait. A tenant that had none waiting comes
// back at the least counter of those that wait: credit can't be saved up.
func (ts *tenants) joins(name string) *tenant {
	t := ts.of[name]
	if t == nil {
		t = ts.add(name)
	}
	if len(t.queue) == 0 {
		ts.settle()
		t.counter = max(t.counter, ts.floor)
	}
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
		if len(t.queue)+t.running == 0 && t.counter <= ts.floor {
			delete(ts.of, name)
		}
	}
}

// settle moves the floor up to the least counter of those that wait; where nobody
// does, to that of who left last.
func (ts *tenants) settle() {
	least, any := 0., false
	if ts.waiting == 0 && ts.last != nil {
		least, any = ts.last.counter, true
	}
	for _, t := range ts.of {
		if len(t.queue) > 0 && (!any || t.counter < least) {
			least, any = t.counter, true
		}
	}
	if any {
		ts.floor = max(ts.floor, least)
	}
}

// waits hears that r waits, newly or again. Whose request goes back to the queue
// is not lifted: it never left.
func (ts *tenants) waits(r *request) {
	r.tenant.queue, r.tenant.ranked = with(r.tenant.queue, r), 0
	ts.waiting++
}

// leaves hears that r waits no more.
func (ts *tenants) leaves(r *request) {
	t := r.tenant
	t.queue, t.ranked = without(t.queue, r), 0
	ts.waiting--
	ts.last = t
}

// charge counts weighted tokens, or gives them back.
func (ts *tenants) charge(t *tenant, weighted float64) { t.counter += weighted / t.weight }

// starts charges what a request is about to compute, once.
func (ts *tenants) starts(r *request, again bool, now time.Time) {
	r.tenant.running++
	r.tenant.started, r.tenant.ranked = now, 0
	if !again {
		ts.charge(r.tenant, inputWeight*float64(r.charged))
	}
}

func (ts *tenants) weight(name string) float64 {
	if w, ok := ts.weights[name]; ok {
		return w
	}
	return 1
}
