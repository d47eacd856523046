package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/constrain"
	"github.com/moltbot/moltbot/engine/enginetest"
)

var menu = enginetest.OneOf{"yes, by all means", "yes", "no, never again", "0123456789012345678901234567890123456789"}

func constrained(prompt string, c constrain.Constraint) engine.Request {
	r := request(prompt, 100)
	r.Constraint = c
	return r
}

func TestAConstrainedAnswerIsOneThatIsAllowed(t *testing.T) {
	rig := enginetest.Start(t, enginetest.Options{Queue: 128})
	said := map[string]bool{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			r := constrained(fmt.Sprintf("prompt %d", i), menu)
			r.Sampling.Temperature, r.Sampling.Seed, r.IgnoreEOS = 1.5, uint64(i), i%2 == 0
			a := complete(t, rig.Engine, r)
			mu.Lock()
			defer mu.Unlock()
			said[a.text] = true
			if !slices.Contains(menu, a.text) || a.Finish != engine.FinishStop {
				t.Errorf("it said %q (%s)", a.text, a.Finish)
			}
		})
	}
	all.Wait()
	if len(said) < 3 {
		t.Errorf("60 answers at temperature 1.5 are only %d different ones: %v", len(said), said)
	}
}

func TestForcedTokensShareAStep(t *testing.T) {
	rig := enginetest.Start(t, enginetest.Options{})
	forced := strings.Repeat("z", 40)
	a := complete(t, rig.Engine, constrained("x", enginetest.OneOf{forced}))
	steps, _ := rig.Toy.Steps()
	if a.text != forced || a.Usage.Completion != 40 || steps > 2 {
		t.Errorf("%q, %+v in %d steps", a.text, a.Usage, steps)
	}
}

func TestForcedTokensEndAtTheLimit(t *testing.T) {
	e := enginetest.Start(t, enginetest.Options{Context: 20}).Engine
	r := constrained("hello", enginetest.OneOf{strings.Repeat("z", 40)})
	r.MaxTokens = 7
	if a := complete(t, e, r); a.text != "zzzzzzz" || a.Finish != engine.FinishLength || a.Usage.Completion != 7 {
		t.Errorf("%q, %s, %+v", a.text, a.Finish, a.Usage)
	}
	r.MaxTokens = 0
	if a := complete(t, e, r); a.Usage.Prompt+a.Usage.Completion != 20 || a.Finish != engine.FinishLength {
		t.Errorf("%q, %s, %+v", a.text, a.Finish, a.Usage)
	}
}

func TestConstrainedLogprobsAreTheModelsOwn(t *testing.T) {
	e := enginetest.Start(t, enginetest.Options{}).Engine
	r := constrained("hello", enginetest.OneOf{"no"})
	r.Logprobs, r.TopLogprobs = true, 2
	a := complete(t, e, r)
	var told int
	for _, c := range a.chunks {
		for _, p := range c.Logprobs {
			told++
			if len(p.Top) != 2 || p.Top[0].Logprob < p.Logprob || p.Logprob > -0.01 {
				t.Errorf("%+v: a token that was forced is told as likely", p)
			}
		}
	}
	if a.text != "no" || told != 2 {
		t.Errorf("%q with %d log-probabilities", a.text, told)
	}
}

func TestAStopStringEndsAConstrainedAnswer(t *testing.T) {
	e := enginetest.Start(t, enginetest.Options{}).Engine
	r := constrained("hello", enginetest.OneOf{"one, two, three"})
	r.Stop = []string{", t"}
	if a := complete(t, e, r); a.text != "one" || a.Finish != engine.FinishStop || a.Stop != ", t" {
		t.Errorf("%q, %s at %q", a.text, a.Finish, a.Stop)
	}
}

// broken is a constraint that allows nothing.
type broken struct{ constrain.Matcher }

func (broken) Start() (constrain.Matcher, error) { return broken{}, nil }
func (broken) Mask(mask []uint32) error          { clear(mask); return nil }
func (broken) Close()                            {}

func TestAConstraintThatAllowsNothingFailsItsRequestAlone(t *testing.T) {
	e := enginetest.Start(t, enginetest.Options{}).Engine
	if _, err := try(e, constrained("hello", broken{})); err == nil {
		t.Error("no error")
	}
	wantToy(t, complete(t, e, request("hello", 5)), request("hello", 5))
}
