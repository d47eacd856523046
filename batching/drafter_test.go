package batching

import (
	"math"
	"testing"
	"time"
)

// guesser plays a draft model whose steps take what its costs say.
type guesser struct {
	w        *world
	costs    *Costs
	sure     float64       // of each guess; 0: it never guesses
	computed map[ReqID]int // known tokens
	rows     []int         // of each of its steps
	guesses  int
	broken   bool
}

// drafted gives a world a draft model of such costs.
func drafted(w *world, sure float64, costs *Costs) *guesser {
	w.t.Helper()
	g := &guesser{w: w, costs: costs, sure: sure, computed: map[ReqID]int{}}
	belief := *costs
	if err := w.s.DraftWith(g, &belief, 64); err != nil {
		w.t.Fatal(err)
	}
	return g
}

func (g *guesser) Lag(id ReqID) int {
	if g.broken {
		return 0
	}
	return max(1, g.w.s.live[id].known-g.computed[id])
}

func (g *guesser) Draw(asks []Ask) ([]float64, time.Duration) {
	sure, rows := make([]float64, len(asks)), 0
	for i, a := range asks {
		r := g.w.s.live[a.ID]
		rows += a.Rows
		if a.Guesses == 0 {
			g.computed[a.ID] = min(r.known, max(0, r.known-g.Lag(a.ID))+a.Rows)
		}
		if g.computed[a.ID] == r.known && g.sure > 0 {
			sure[i] = g.sure
			g.guesses++
		}
	}
	g.rows = append(g.rows, rows)
	if g.broken {
		return sure, 0
	}
	return sure, g.costs.Predict(Step{Rows: rows})
}

// flat makes a step take as long whatever it holds.
func flat(d time.Duration) *Costs {
	return &Costs{Points: []Point{{1, d}, {64, d + 63*time.Microsecond}}}
}

// answering is a world in which request 1 has had its first token. Guesses come true but for those of lie.
func answering(t *testing.T, prompt int, kept int) *world {
	w := newPricedWorld(t, Limits{Seqs: 4, Cells: 4000, Rows: 64, Queue: 9, Step: 50 * ms}, flat(10*ms))
	w.kept[1] = kept
	w.job(Job{Prompt: prompt, MaxTokens: 3000})
	for w.s.Load(); w.s.live[1] == nil || w.s.live[1].known == prompt; {
		w.step()
	}
	return w
}

// play makes steps and returns how many draft rows they had.
func play(w *world, steps int) (drafts int) {
	w.t.Helper()
	for range steps {
		plan := w.plan()
		for _, r := range plan {
			drafts += r.Draft
		}
		w.carryOut(plan)
	}
	return drafts
}

func TestTheDraftModelIsAskedWhereItPays(t *testing.T) {
	for _, c := range []struct {
		rule    string
		sure    float64
		costs   *Costs
		kept    int
		prepare func(*world)
		least   int // draft rows of 40 steps
		most    int
	}{
		{"one that is cheap, sure and right guesses far", 0.99, flat(ms / 2), math.MaxInt, nil, 300, 2000},
		{"one that is right of the first alone guesses less", 0.9, flat(ms / 2), 1, nil, 40, 240},
		{"one that is right is trusted, however unsure it is", 0.4, flat(ms / 2), math.MaxInt, nil, 300, 2000},
		{"one that is as slow as the model is not asked", 0.99, flat(10 * ms), math.MaxInt, nil, 0, 0},
		{"one that guesses nothing costs nothing more", 0, flat(ms / 2), math.MaxInt, nil, 0, 0},
		{"where words are repeated it isn't asked", 0.99, flat(ms / 2), math.MaxInt, func(w *world) { w.fx.drafts[1], w.fx.agree = 9, 40 }, 300, 40 * 9},
	} {
		t.Run(c.rule, func(t *testing.T) {
			w := answering(t, 8, c.kept)
			g := drafted(w, c.sure, c.costs)
			w.s.live[1].trust = firstTrust
			if c.prepare != nil {
				c.prepare(w)
			}
			n := play(w, 40)
			if n < c.least || n > c.most {
				t.Errorf("%d draft rows in 40 steps, want %d to %d", n, c.least, c.most)
			}
			if asked := w.fx.agree == 0 && c.most > 0; (g.guesses > 0) != asked {
				t.Errorf("%d guesses, though the rule is that %s", g.guesses, c.rule)
			}
		})
	}
}

func TestGuessesThatNeverComeTrueStop(t *testing.T) {
	w := answering(t, 8, 0)
	w.s.costs.Points = []Point{{1, 10 * ms}, {4, 14 * ms}, {64, 64 * ms}}
	g := drafted(w, 0.999, flat(2*ms))
	w.s.live[1].trust = firstTrust
	first, later := play(w, 40), play(w, 600)
	if first == 0 || first > 60 || later == 0 || later > 120 {
		t.Errorf("%d draft rows in 40 steps and %d in 600 more, want a few, and some trials", first, later)
	}
	t.Logf("%d draft rows in 40 steps, %d in 600 more", first, later)
	w.s.Cancel(1)
	g.computed = map[ReqID]int{}
	before := len(g.rows)
	w.job(Job{Prompt: 500, MaxTokens: 300})
	if n := play(w, 200); n > 0 || len(g.rows) > before {
		t.Errorf("the next request had %d draft rows after %v prompt rows of the draft model, though it was never right", n, g.rows[before:])
	}
}

func TestWhatTheDraftModelHasToCatchUp(t *testing.T) {
	slow := &Costs{Points: []Point{{1, ms}, {1000, 1000 * ms}}}
	for _, c := range []struct {
		rule   string
		prompt int
		job    Job // a second request; no prompt: none
		max    int // tokens that the first may generate; 0: any
		costs  *Costs
		longer int // rows of its longest step
		total  int // rows before its first guess, about; 0: it is never asked
	}{
		{"is computed in steps as long as a decode may wait", 900, Job{}, 0, slow, 200, 900},
		{"is computed at once where that is quick", 60, Job{}, 0, flat(ms / 2), 64, 60},
		{"is left where the answer is too short for it", 900, Job{}, 20, slow, 0, 0},
		{"waits while prompts are computed", 60, Job{Prompt: 3900}, 0, flat(ms / 2), 0, 0},
	} {
		t.Run(c.rule, func(t *testing.T) {
			w := answering(t, c.prompt, math.MaxInt)
			g := drafted(w, 0.99, c.costs)
			r := w.s.live[1]
			r.trust, r.maxTokens = firstTrust, max(c.max, 1000*min(1, 1-min(1, c.max)))
			steps := 40
			if c.job.Prompt > 0 {
				w.job(c.job)
				steps = 10
			}
			for range steps {
				if play(w, 1); g.guesses > 0 || r.maxTokens-(r.known-r.prompt) < 3 {
					break
				}
			}
			sum, longest := 0, 0
			for _, n := range g.rows {
				sum, longest = sum+n, max(longest, n)
			}
			if longest > c.longer || sum < c.total || sum > c.total+c.total/4+64*min(c.total, 1) {
				t.Errorf("its steps had %v rows", g.rows)
			}
		})
	}
}

func TestARequestGoesOnWithoutADraftModelThatFails(t *testing.T) {
	w := answering(t, 8, math.MaxInt)
	g := drafted(w, 0.99, flat(ms/2))
	w.s.live[1].trust = firstTrust
	play(w, 3)
	g.broken = true
	if n := play(w, 10); n > 0 {
		t.Errorf("%d draft rows of a draft model that has failed", n)
	}
}

// TestGuessingIsNoPartOfWhatStepsCost: the price of a step must not grow by it.
func TestGuessingIsNoPartOfWhatStepsCost(t *testing.T) {
	w := answering(t, 8, math.MaxInt)
	g := drafted(w, 0.99, flat(2*ms))
	w.s.live[1].trust = firstTrust
	before := w.s.costs.Predict(Step{Rows: 1})
	if play(w, 50); g.guesses == 0 {
		t.Fatal("nothing was guessed")
	}
	if after := w.s.costs.Predict(Step{Rows: 1}); after > before+ms/10 || after < before-ms/10 {
		t.Errorf("a step took %v, now it is believed to take %v", before, after)
	}
}

func TestADraftModelMustSuit(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 100, Rows: 16, Queue: 9})
	if err := w.s.DraftWith(&guesser{}, flat(ms), 3); err == nil {
		t.Error("steps of 3 rows guess for 4 sequences")
	}
	if err := w.s.DraftWith(&guesser{}, &Costs{}, 4); err == nil {
		t.Error("costs without points are taken")
	}
}

func TestLevelsOfSureness(t *testing.T) {
	for sure, want := range map[float64]uint8{1e-9: 0, 0.49: 0, 0.51: 1, 0.76: 2, 0.9: 3, 0.95: 4, 0.97: 5, 0.99: 6, 0.995: 7, 1: 7} {
		if got := level(sure); got != want {
			t.Errorf("%v is of level %d, want %d", sure, got, want)
		}
	}
}
