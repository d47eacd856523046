package engine_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/moltbot/moltbot/batching"
	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/enginetest"
	"github.com/moltbot/moltbot/engine/sample"
)

// guessing is an engine whose draft model is another toy. Its steps cost nothing,
// so it is asked for as much as there is room for.
type guessing struct {
	*enginetest.Rig
	draft   *enginetest.Toy
	verify  atomic.Int64 // draft rows that the model computed
	guesses atomic.Int64 // rows that the draft model gave scores for
}

// cheap are costs by which a step of the draft model takes next to nothing.
func cheap() *batching.Costs {
	return &batching.Costs{Points: []batching.Point{{Rows: 64, Time: time.Microsecond}}}
}

func newGuessing(t testing.TB, o enginetest.Options, draft engine.Shape, scores func([]float32, []engine.Token)) *guessing {
	t.Helper()
	g := &guessing{}
	for _, shape := range []*engine.Shape{&o.Shape, &draft} {
		if shape.Cells == 0 {
			shape.Cells = 4096
		}
		if shape.Seqs == 0 {
			shape.Seqs = 8
		}
		if shape.Rows == 0 {
			shape.Rows = 64
		}
	}
	g.draft = enginetest.NewToy(t, draft)
	g.draft.Scores = scores
	g.draft.Before = func(_ int, rows []engine.Row) error { return count(&g.guesses, rows, 0) }
	before := o.Before
	o.Before = func(step int, rows []engine.Row) error {
		if before != nil {
			if err := before(step, rows); err != nil {
				return err
			}
		}
		return count(&g.verify, rows, sequences(rows))
	}
	if o.Costs == nil {
		o.Costs = free()
	}
	o.Draft = &engine.Draft{Backend: g.draft, Costs: cheap()}
	g.Rig = enginetest.Start(t, o)
	return g
}

// count adds the rows that give scores, but for so many.
func count(sum *atomic.Int64, rows []engine.Row, but int) error {
	n := -but
	for _, r := range rows {
		if r.Output {
			n++
		}
	}
	sum.Add(int64(max(0, n)))
	return nil
}

// wantForgotten: when nobody runs, the draft model holds nothing.
func (g *guessing) wantForgotten(t testing.TB) {
	t.Helper()
	g.Close(context.Background())
	if n := g.draft.Cells(); n > 0 {
		t.Errorf("the draft model still holds %d cells", n)
	}
}

// wrong scores letters at random, and is sure of them.
func wrong() func([]float32, []engine.Token) {
	rng := rand.New(rand.NewPCG(1, 2))
	return func(row []float32, _ []engine.Token) {
		clear(row)
		row[rng.IntN(len(row))] = 30
	}
}

var drafters = map[string]struct {
	shape  engine.Shape
	scores func() func([]float32, []engine.Token)
}{
	"the model itself":            {engine.Shape{}, func() func([]float32, []engine.Token) { return babble }},
	"one that is always wrong":    {engine.Shape{}, wrong},
	"one with a sliding window":   {engine.Shape{Window: 24}, func() func([]float32, []engine.Token) { return babble }},
	"one with little memory":      {engine.Shape{Cells: 120}, func() func([]float32, []engine.Token) { return babble }},
	"one whose steps are short":   {engine.Shape{Rows: 8}, func() func([]float32, []engine.Token) { return babble }},
	"one whose scores are broken": {engine.Shape{}, func() func([]float32, []engine.Token) { return unreadable }},
}

// TestADraftModelNeverChangesTheAnswer, whatever it says.
func TestADraftModelNeverChangesTheAnswer(t *testing.T) {
	without, _ := drafting(t, draftless, babble)
	for rule, d := range drafters {
		t.Run(rule, func(t *testing.T) {
			g := newGuessing(t, enginetest.Options{Scores: babble}, d.shape, d.scores())
			rapid.Check(t, func(t *rapid.T) {
				r := drawRequest(t)
				want, err := try(without, r)
				got, other := try(g.Engine, r)
				if got.text != want.text || got.Finish != want.Finish || got.Stop != want.Stop || fmt.Sprint(err) != fmt.Sprint(other) {
					t.Fatalf("with guesses %q (%s, %v), without %q (%s, %v)", got.text, got.Finish, other, want.text, want.Finish, err)
				}
			})
			if g.guesses.Load() == 0 {
				t.Error("the draft model was never asked")
			}
			g.wantForgotten(t)
		})
	}
}

// unreadable scores nothing that can be compared.
func unreadable(row []float32, _ []engine.Token) {
	for i := range row {
		row[i] = float32(math.NaN())
	}
}

// TestADraftModelDoesNotChangeTheDistribution, be it the model itself or wrong.
func TestADraftModelDoesNotChangeTheDistribution(t *testing.T) {
	without, _ := drafting(t, draftless, dice)
	const draws = 3000
	for rule, scores := range map[string]func([]float32, []engine.Token){"the model itself": dice, "always wrong": wrong()} {
		t.Run(rule, func(t *testing.T) {
			g := newGuessing(t, enginetest.Options{Scores: dice}, engine.Shape{}, scores)
			for n := 1; n <= 3; n++ {
				a, b := outcomesOf(t, g.Engine, n, 0, draws), outcomesOf(t, without, n, draws, draws)
				if p := sameDistribution(a, b, draws); p < 1e-4 {
					t.Errorf("%d tokens are distributed differently: p = %g", n, p)
				}
			}
			if g.guesses.Load() == 0 {
				t.Error("the draft model was never asked")
			}
		})
	}
}

// TestADraftModelThatIsNeverRightIsTurnedDown: its guesses take rows in few steps.
func TestADraftModelThatIsNeverRightIsTurnedDown(t *testing.T) {
	slow := func(_ int, rows []engine.Row) error {
		time.Sleep(time.Millisecond + time.Duration(len(rows)-1)*300*time.Microsecond)
		return nil
	}
	priced := func() enginetest.Options {
		return enginetest.Options{Before: slow, Costs: &batching.Costs{Points: []batching.Point{{Rows: 1, Time: time.Millisecond}, {Rows: 64, Time: 20 * time.Millisecond}}}}
	}
	right := newGuessing(t, priced(), engine.Shape{}, nil)
	never := newGuessing(t, priced(), engine.Shape{}, func(row []float32, _ []engine.Token) {
		clear(row)
		row['Z'] = 30 // which the toy never says
	})
	for _, g := range []*guessing{right, never} {
		for i := range 10 {
			r := request(fmt.Sprintf("%d: nothing repeats here", i), 60)
			r.IgnoreEOS = true
			complete(t, g.Engine, r)
		}
	}
	n, m := right.verify.Load(), never.verify.Load()
	t.Logf("600 tokens had %d draft rows of one that is right, %d of one that never is", n, m)
	if n < 200 || m == 0 || m > 200 {
		t.Error("want most of them where it is right, and a few where it isn't")
	}
	if steps, _ := right.Toy.Steps(); steps > 400 {
		t.Errorf("%d steps for 600 tokens, though every guess is right", steps)
	}
}

// TestWithADraftModelEveryRoadLeadsToTheSameText: pauses, requests that leave, and
// prompts that begin alike.
func TestWithADraftModelEveryRoadLeadsToTheSameText(t *testing.T) {
	for rule, o := range map[string]enginetest.Options{
		"side by side":          {},
		"paused for room":       {Shape: engine.Shape{Cells: 150}},
		"in fused steps":        {Shape: engine.Shape{Fuse: true}},
		"with a sliding window": {Shape: engine.Shape{Window: 24}},
		"with steps that fail to find a slot": {Before: func(step int, rows []engine.Row) error {
			if step%5 == 0 && len(rows) > 1 {
				return engine.ErrNoSlot
			}
			return nil
		}},
	} {
		t.Run(rule, func(t *testing.T) {
			g := newGuessing(t, o, engine.Shape{Cells: max(o.Shape.Cells, 400)}, nil)
			var wg sync.WaitGroup
			for i := range 4 {
				wg.Go(func() { leave(t, g.Engine, forever(fmt.Sprint("leaves ", i))) })
			}
			if failed := outcomes(t, g.Engine, 16, nil); failed > 0 {
				t.Errorf("%d failed", failed)
			}
			wg.Wait()
			if g.guesses.Load() == 0 {
				t.Error("the draft model was never asked")
			}
			wantIdle(t, g.Rig)
			g.wantForgotten(t)
		})
	}
}

// leave reads one chunk of an answer and goes away.
func leave(t *testing.T, e *engine.Engine, r engine.Request) {
	s, err := e.Submit(context.Background(), r)
	if err != nil {
		t.Error(err)
		return
	}
	defer s.Close()
	if _, err := s.Recv(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestChoicesOfOnePromptCatchUpOnce: the draft model computes the prompt for one of them.
func TestChoicesOfOnePromptCatchUpOnce(t *testing.T) {
	g := newGuessing(t, enginetest.Options{Shape: engine.Shape{Seqs: 4}}, engine.Shape{}, nil)
	rows := 0
	g.draft.Before = func(_ int, batch []engine.Row) error {
		rows += len(batch)
		return count(&g.guesses, batch, 0)
	}
	prompt := strings.Repeat("all begin alike ", 40)
	var reqs []engine.Request
	for i := range 4 {
		r := request(prompt, 40)
		r.Sampling, r.IgnoreEOS = sample.Params{Temperature: 2, Seed: uint64(i + 1)}, true
		reqs = append(reqs, r)
	}
	streams, err := g.SubmitAll(context.Background(), reqs)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range streams {
		if _, err := read(s); err != nil {
			t.Error(err)
		}
	}
	g.wantForgotten(t)
	if most := len(prompt) + 4*150; rows < len(prompt) || rows > most {
		t.Errorf("the draft model computed %d rows for a prompt of %d tokens, want at most %d", rows, len(prompt), most)
	}
}

// TestADraftModelThatFailsCostsNoRequest: all get their answers, and it is asked no more.
func TestADraftModelThatFailsCostsNoRequest(t *testing.T) {
	for rule, fault := range map[string]struct {
		err  error
		goes bool // on asking
	}{
		"broken":         {errDevice, false},
		"aborted":        {engine.ErrAborted, false},
		"without a slot": {engine.ErrNoSlot, true},
	} {
		t.Run(rule, func(t *testing.T) {
			g := newGuessing(t, enginetest.Options{}, engine.Shape{}, nil)
			calls := 0
			g.draft.Before = func(step int, rows []engine.Row) error {
				if calls++; calls > 10 {
					return fault.err
				}
				return count(&g.guesses, rows, 0)
			}
			if failed := outcomes(t, g.Engine, 12, nil); failed > 0 {
				t.Errorf("%d failed", failed)
			}
			wantIdle(t, g.Rig)
			g.Close(context.Background())
			if (calls > 11) != fault.goes {
				t.Errorf("it was asked %d times, its 11th step fails", calls)
			}
		})
	}
}

func TestADraftModelMustSuitTheModel(t *testing.T) {
	for _, c := range []struct {
		rule         string
		model, draft engine.Shape
		want         string
	}{
		{"a model that can't take back guesses has no use for them", engine.Shape{States: true}, engine.Shape{}, "the model's memory can't take back"},
		{"nor can such a one guess", engine.Shape{}, engine.Shape{States: true}, "the draft model's memory can't take back"},
		{"each request needs a sequence", engine.Shape{Seqs: 8}, engine.Shape{Seqs: 4}, "the draft model has 4 sequences for 8"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			toy := func(s engine.Shape) *enginetest.Toy {
				s.Cells, s.Rows, s.Seqs = 100, 16, max(s.Seqs, 4)
				return enginetest.NewToy(t, s)
			}
			_, err := engine.New(toy(c.model), enginetest.Vocab{}, engine.Config{
				Limits: engine.Limits{Queue: 1}, Draft: &engine.Draft{Backend: toy(c.draft), Costs: cheap()},
			})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}
