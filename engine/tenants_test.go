package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/enginetest"
	"github.com/moltbot/moltbot/kvcache"
)

// TestATenantLearnsNothingOfAnothersPrompt: neither in its usage, nor by what the
// cache counts, nor by steps that it was spared; in whichever tier the prefix lies,
// and while its owner still runs.
func TestATenantLearnsNothingOfAnothersPrompt(t *testing.T) {
	secret := request("the canary is "+fmt.Sprint(rand.N(1<<40)), 12)
	for rule, before := range map[string]func(*testing.T, *enginetest.Rig){
		"idle":    func(*testing.T, *enginetest.Rig) {},
		"in RAM":  evicted,
		"on disk": func(t *testing.T, rig *enginetest.Rig) { must(t, rig.Flush(t.Context())); evicted(t, rig) },
		"running": running,
	} {
		t.Run(rule, func(t *testing.T) {
			rig := enginetest.Start(t, enginetest.Options{Cache: tiers(t.TempDir(), 1<<20, 1<<20)})
			owner, other := secret, secret
			owner.Partition, other.Partition = "owner", "other"
			complete(t, rig.Engine, owner)
			before(t, rig)
			reuse := rig.Load().Reuse
			a := complete(t, rig.Engine, other)
			wantToy(t, a, other)
			now := rig.Load().Reuse
			if a.Usage.Cached != 0 || now.Shared+now.RAM+now.Disk != reuse.Shared+reuse.RAM+reuse.Disk {
				t.Errorf("%d cached tokens, the cache counts %+v, before %+v", a.Usage.Cached, now, reuse)
			}
			if again := complete(t, rig.Engine, owner); again.Usage.Cached == 0 {
				t.Error("the owner itself finds nothing: the test shows nothing")
			}
		})
	}
}

// evicted takes the cells of what is idle.
func evicted(t *testing.T, rig *enginetest.Rig) {
	r := request("a third tenant", 3)
	r.Partition = "third"
	complete(t, rig.Engine, r)
}

// running starts a request of the owner that goes on during the test.
func running(t *testing.T, rig *enginetest.Rig) {
	r := forever("the canary is")
	r.Partition = "owner"
	s, err := rig.Submit(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if _, err := s.Recv(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestNothingCrossesBetweenTenants: under random load with prompts that tenants
// have in common, each finds at most what it computed itself, and its texts are
// those of its own tokens.
func TestNothingCrossesBetweenTenants(t *testing.T) {
	rig := enginetest.Start(t, enginetest.Options{
		Shape: engine.Shape{Cells: 500, Seqs: 6, Rows: 32}, Queue: 200, Costs: free(), Cache: tiers(t.TempDir(), 3000, 4000),
	})
	var ledger visits
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(4, uint64(i)))
			for range 25 {
				ledger.visit(t, rig.Engine, kvcache.Key(fmt.Sprint("tenant ", i%4)), r)
			}
		})
	}
	wg.Wait()
	if cached := ledger.check(t); cached == 0 {
		t.Error("no token was ever reused: the test shows nothing")
	}
	wantIdle(t, rig)
}

// visits remembers what each tenant sent, and what it found computed.
type visits struct {
	mu  sync.Mutex
	all []visited
}

type visited struct {
	tenant kvcache.Key
	tokens []engine.Token // prompt and answer
	usage  engine.Usage
}

var openings = []string{"you are helpful", "you are helpful and kind", "you are", "translate this"}

func (v *visits) visit(t *testing.T, e *engine.Engine, tenant kvcache.Key, r *rand.Rand) {
	prompt := openings[r.IntN(len(openings))]
	if r.IntN(2) == 0 {
		prompt += fmt.Sprintf(", canary of %s, %d", tenant, r.IntN(5))
	}
	req := request(prompt, 1+r.IntN(25))
	req.Partition = tenant
	a, err := try(e, req)
	if err != nil {
		t.Error(err)
		return
	}
	wantToy(t, a, req)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.all = append(v.all, visited{tenant, append(req.Prompt, tokens(a.text)[1:]...), a.Usage})
}

// check compares what each visit found with what its tenant has ever had besides.
func (v *visits) check(t *testing.T) (cached int) {
	t.Helper()
	for i, own := range v.all {
		most := 0
		for j, other := range v.all {
			if i != j && other.tenant == own.tenant {
				most = max(most, common(own.tokens, other.tokens))
			}
		}
		if own.usage.Cached > most {
			t.Errorf("%s found %d tokens of %d computed, its own are %d", own.tenant, own.usage.Cached, own.usage.Prompt, most)
		}
		cached += own.usage.Cached
	}
	return cached
}

// common counts the tokens that both begin with.
func common(a, b []engine.Token) int {
	n := min(len(a), len(b))
	for n > 0 && !slices.Equal(a[:n], b[:n]) {
		n--
	}
	return n
}
