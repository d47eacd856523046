package sim

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moltbot/moltbot/batching"
)

// recorded reads costs that a real engine has measured.
func recorded(t testing.TB) *batching.Costs {
	t.Helper()
	text, err := os.ReadFile("testdata/smollm2-135m-q4_1-cpu2.json")
	if err != nil {
		t.Fatal(err)
	}
	c := &batching.Costs{}
	if err := json.Unmarshal(text, c); err != nil {
		t.Fatal(err)
	}
	return c
}

// day draws what a small office asks of a machine: chats that share a system
// prompt, documents to be summed up, a flood of batch lines by one tenant, and
// now and then somebody who is in a hurry.
func day(seed uint64, n int) []Arrival {
	rnd := rand.New(rand.NewPCG(seed, 3))
	arrivals := make([]Arrival, n)
	at := 0.
	for i := range arrivals {
		at += rnd.ExpFloat64() * 1.25
		a := Arrival{At: time.Duration(at * float64(time.Second)), Answer: 1 + int(rnd.ExpFloat64()*50)}
		a.Job = batching.Job{Tenant: fmt.Sprint(rnd.IntN(4)), Prompt: 220 + rnd.IntN(80), MaxTokens: 300}
		switch kind := rnd.IntN(10); {
		case kind < 5:
			a.Family, a.Shared, a.Guess = fmt.Sprint("system ", rnd.IntN(3)), 200, .4
		case kind < 6:
			a.Job.Prompt = 800 + rnd.IntN(600)
		case kind < 9:
			a.Job.Tenant, a.Job.Class, a.Answer = "batch", batching.FlexClass, 1+a.Answer/4
		default:
			a.Job.Class = batching.PriorityClass
		}
		arrivals[i] = a
	}
	return arrivals
}

// cellCost: a prefix of 2,000 tokens that nobody attends to makes a step of 8 rows
// 2.8 ms longer (measured over many steps; testdata has the price of other cells).
const cellCost = 2.8e6 / 2000 / 8

// office is the machine of the recorded costs.
func office(t testing.TB) Config {
	l := batching.Limits{
		Seqs: 8, Cells: 4096, Rows: 256, Outputs: 64, Step: 50 * ms, Queue: 64,
		MaxWait: 60 * time.Second, Age: 10 * time.Second,
	}
	costs := recorded(t)
	costs.Cell = cellCost
	return Config{Limits: l, Costs: costs, Kept: 8, Seed: 1}
}

// policies are compared by TestPolicies.
var policies = []struct {
	name string
	set  func(*Config)
}{
	{"steps of 20 ms", func(c *Config) { c.Limits.Step = 20 * ms }},
	{"steps of 50 ms", func(*Config) {}},
	{"steps of 100 ms", func(c *Config) { c.Limits.Step = 100 * ms }},
	{"steps unbounded", func(c *Config) { c.Limits.Step = 0 }},
	{"no ageing", func(c *Config) { c.Limits.Age = 0 }},
	{"no single flight", func(c *Config) { c.Crowd = true }},
	{"nothing kept", func(c *Config) { c.Kept = 0 }},
	{"no single flight, nothing kept", func(c *Config) { c.Crowd, c.Kept = true, 0 }},
	{"a third slower than believed", func(c *Config) { c.Slower = 1.33 }},
	{"cells believed 16 times dearer", func(c *Config) {
		wrong := *c.Costs
		wrong.Cell *= 16
		c.Belief = &wrong
	}},
	{"a third faster, noise of 30 %", func(c *Config) { c.Slower, c.Noise = .75, .3 }},
}

// TestPolicies prints how classes fare under each policy (go test -v), and holds
// what the comparison rests on.
func TestPolicies(t *testing.T) {
	var text strings.Builder
	table := NewTable(&text)
	of := map[string][]Summary{}
	rows := map[string]int{}
	for _, p := range policies {
		c := office(t)
		p.set(&c)
		results := playAll(t, c, day(7, 500))
		of[p.name] = Summarise(results, Target{TTFT: 5 * time.Second, ITL: 150 * ms})
		for _, r := range results {
			rows[p.name] += r.Computed
		}
		table.Add(p.name, of[p.name])
	}
	table.Flush()
	t.Log("\n" + text.String())
	longer := func(rule string, a, b time.Duration) {
		if a <= b {
			t.Errorf("%s: %v against %v", rule, a, b)
		}
	}
	flex, normal, priority := 2, 1, 0
	longer("the lowest class waits longest", of["steps of 50 ms"][flex].TTFT95, of["steps of 50 ms"][normal].TTFT95)
	longer("longer steps make longer gaps", of["steps of 100 ms"][priority].ITL99, of["steps of 20 ms"][priority].ITL99)
	if a, b := rows["nothing kept"], rows["no single flight, nothing kept"]; a >= b {
		t.Errorf("with single flight %d rows are computed, without %d", a, b)
	}
}

// TestAgeingServesTheLowestClass: beside a class that alone fills the machine, a
// lower one is served within a bound when requests age, and hardly when they don't.
func TestAgeingServesTheLowestClass(t *testing.T) {
	var arrivals []Arrival
	for i := range 600 {
		a := Arrival{At: time.Duration(i) * 400 * ms, Answer: 30, Job: batching.Job{Prompt: 100, Tenant: "a"}}
		if i%50 == 7 {
			a.Job.Class, a.Job.Tenant = batching.FlexClass, "b"
		}
		arrivals = append(arrivals, a)
	}
	slowest := func(age time.Duration) (wait time.Duration) {
		l := limits
		l.Age, l.Queue, l.Step = age, 5000, 150*ms
		for _, r := range play(t, l, arrivals) {
			if r.Job.Class == batching.FlexClass {
				wait = max(wait, r.TTFT())
			}
		}
		return wait
	}
	with, without := slowest(10*time.Second), slowest(0)
	t.Logf("the lowest class waits %v at most, without ageing %v", with, without)
	if with > 60*time.Second || without < 3*with {
		t.Errorf("the lowest class waits %v at most, without ageing %v", with, without)
	}
}

func TestTheSameSeedGivesTheSameResults(t *testing.T) {
	c := office(t)
	c.Noise, c.Late, c.Limits.Queue = .3, time.Second, 8
	a, b := playAll(t, c, day(1, 200)), playAll(t, c, day(1, 200))
	for i := range a {
		if a[i].End != b[i].End || a[i].Refused != b[i].Refused || !slices.Equal(a[i].Gaps, b[i].Gaps) {
			t.Fatalf("arrival %d ended at %v, then at %v", i, a[i].End, b[i].End)
		}
	}
}

func TestAllTokensComeOut(t *testing.T) {
	c := office(t)
	c.Cells, c.Limits.Cells, c.Limits.MaxWait = 2000, 2000, 0 // too few for all: some are paused
	for i, r := range playAll(t, c, day(2, 300)) {
		if r.End == 0 || len(r.Gaps) != r.Answer-1 {
			t.Fatalf("arrival %d got %d of %d tokens", i, len(r.Gaps)+1, r.Answer)
		}
	}
}

func TestArrivalsThatCannotBeAreRefused(t *testing.T) {
	good := Arrival{At: time.Second, Job: batching.Job{Prompt: 10}, Answer: 1}
	for rule, spoil := range map[string]func(*Arrival){
		"before the one before": func(a *Arrival) { a.At = 0 },
		"without an answer":     func(a *Arrival) { a.Answer = 0 },
		"without a prompt":      func(a *Arrival) { a.Job.Prompt = 0 },
		"all of it shared":      func(a *Arrival) { a.Shared = 10 },
	} {
		bad := good
		spoil(&bad)
		if _, err := Replay([]Arrival{good, bad}, limits, costs); err == nil {
			t.Errorf("%s: played", rule)
		}
	}
}

func ExampleReplay() {
	costs := batching.Costs{Points: []batching.Point{{Rows: 1, Time: 10 * ms}, {Rows: 100, Time: 500 * ms}}}
	limits := batching.Limits{Seqs: 2, Cells: 1000, Rows: 100, Queue: 10}
	results, err := Replay([]Arrival{
		{Job: batching.Job{Prompt: 100}, Answer: 3},
		{At: 505 * ms, Job: batching.Job{Prompt: 1}, Answer: 1},
	}, limits, costs)
	if err != nil {
		panic(err)
	}
	for _, r := range results {
		fmt.Println("first token after", r.TTFT(), "end at", r.End)
	}
	// Output:
	// first token after 500ms end at 530ms
	// first token after 15ms end at 520ms
}
