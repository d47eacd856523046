package engine_test

import (
	"fmt"
	"hash/fnv"
	"math"
	"reflect"
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

// free are costs by which rows cost nothing, so all drafts are tried that there are.
func free() *batching.Costs {
	return &batching.Costs{Points: []batching.Point{{Rows: 64, Time: time.Millisecond}}}
}

// babble scores a few letters by the last two tokens, so that texts repeat, and
// by the length now and then, so that they part again.
func babble(row []float32, history []engine.Token) {
	for i := range row {
		row[i] = -9
	}
	n := len(history)
	h := fnv.New32a()
	fmt.Fprint(h, history[max(0, n-2):])
	if n%11 == 0 {
		fmt.Fprint(h, n)
	}
	sum := h.Sum32()
	for i := range uint32(4) {
		row['a'+(sum>>(4*i))%6] = float32(sum>>(4*i+8)%7) / 2
	}
	row[enginetest.EOS] = -4 + float32(sum%5)
}

// draftless leaves no room for drafts: one row of a step may give scores.
var draftless = engine.Shape{Seqs: 1, Outputs: 1}

// drafting counts how many draft rows the engine asks for.
func drafting(t testing.TB, shape engine.Shape, scores func([]float32, []engine.Token)) (e *engine.Engine, drafts *atomic.Int64) {
	drafts = new(atomic.Int64)
	rig := enginetest.Start(t, enginetest.Options{
		Shape: shape, Costs: free(), Scores: scores,
		Before: func(_ int, rows []engine.Row) error {
			outputs := 0
			for _, r := range rows {
				if r.Output {
					outputs++
				}
			}
			drafts.Add(int64(max(0, outputs-sequences(rows))))
			return nil
		},
	})
	return rig.Engine, drafts
}

func TestDraftsNeverChangeTheAnswer(t *testing.T) {
	with, some := drafting(t, engine.Shape{}, babble)
	windowed, more := drafting(t, engine.Shape{Window: 40}, babble)
	without, none := drafting(t, draftless, babble)
	rapid.Check(t, func(t *rapid.T) {
		r := drawRequest(t)
		want, err := try(without, r)
		for _, e := range []*engine.Engine{with, windowed} {
			got, other := try(e, r)
			if got.text != want.text || got.Finish != want.Finish || got.Stop != want.Stop || fmt.Sprint(err) != fmt.Sprint(other) {
				t.Fatalf("with drafts %q (%s, %v), without %q (%s, %v)", got.text, got.Finish, other, want.text, want.Finish, err)
			}
			if got.Usage.Completion != want.Usage.Completion || !reflect.DeepEqual(logprobs(got), logprobs(want)) {
				t.Fatalf("with drafts %d tokens, %v, without %d, %v", got.Usage.Completion, logprobs(got), want.Usage.Completion, logprobs(want))
			}
		}
	})
	if some.Load() == 0 || more.Load() == 0 || none.Load() != 0 {
		t.Errorf("%d and %d draft rows with, %d without", some.Load(), more.Load(), none.Load())
	}
}

func logprobs(a answer) (all []engine.TokenLogprob) {
	for _, c := range a.chunks {
		all = append(all, c.Logprobs...)
	}
	return all
}

// drawRequest draws a prompt that repeats itself and what may end or bend an answer.
func drawRequest(t *rapid.T) engine.Request {
	word := rapid.StringOfN(rapid.RuneFrom([]rune("abcdef")), 1, 8, -1)
	r := request(strings.Repeat(word.Draw(t, "word"), rapid.IntRange(1, 6).Draw(t, "times"))+word.Draw(t, "end"), rapid.IntRange(1, 90).Draw(t, "tokens"))
	r.Stop = rapid.SliceOfN(word, 0, 2).Draw(t, "stop")
	r.IgnoreEOS = rapid.Bool().Draw(t, "ignore eos")
	if rapid.Bool().Draw(t, "logprobs") {
		r.Logprobs, r.TopLogprobs = true, 2
	}
	if rapid.Bool().Draw(t, "constrained") {
		r.Constraint = enginetest.OneOf(rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune("abc")), 1, 40, -1), 1, 5).Draw(t, "texts"))
	}
	r.Sampling = rapid.SampledFrom([]sample.Params{
		{},
		{RepeatPenalty: 1.2, RepeatLastN: 16},
		{Temperature: 1, Seed: 5},
		{Temperature: 1.5, TopP: 0.8, FrequencyPenalty: 0.4, Seed: 9},
	}).Draw(t, "sampling")
	return r
}

// TestDraftsDoNotChangeTheDistribution draws the first tokens of many answers, with
// and without drafts and with seeds of their own, and compares how often each
// outcome came. Equal seeds would only compare the random numbers.
func TestDraftsDoNotChangeTheDistribution(t *testing.T) {
	with, some := drafting(t, engine.Shape{}, dice)
	without, _ := drafting(t, draftless, dice)
	const draws = 6000
	for n := 1; n <= 3; n++ {
		a, b := outcomesOf(t, with, n, 0, draws), outcomesOf(t, without, n, draws, draws)
		p := sameDistribution(a, b, draws)
		t.Logf("%d tokens: %d outcomes, p = %.3f", n, len(a), p)
		if p < 1e-4 {
			t.Errorf("%d tokens are distributed differently: p = %g", n, p)
		}
	}
	if some.Load() < draws {
		t.Errorf("only %d draft rows", some.Load())
	}
}

// dice is a distribution over four letters that depends on the last two tokens.
func dice(row []float32, history []engine.Token) {
	n := len(history)
	for i := range row {
		row[i] = -60
	}
	for i := range 4 {
		row['a'+i] = float32((i*int(history[n-1])+int(history[n-2]))%5) / 2
	}
}

// outcomesOf counts the answers of n tokens behind two: a prompt that has been
// seen before, so that the first tokens behind it are drafted.
func outcomesOf(t *testing.T, e *engine.Engine, n int, seed uint64, draws int) map[string]int {
	t.Helper()
	counts := map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := w; i < draws; i += 8 {
				// The first token of an answer is never drafted: what is counted lies behind it.
				r := engine.Request{Prompt: tokens("abcdabdcacbdadcbabcdab"), MaxTokens: n + 1}
				r.Sampling = sample.Params{Temperature: 1, Seed: seed + uint64(i) + uint64(n)<<32}
				a, err := try(e, r)
				mu.Lock()
				if counts[a.text]++; err != nil {
					t.Error(err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return counts
}

// sameDistribution is the p-value of the chi-square test of homogeneity of two
// samples of n draws each; outcomes too rare for it count together.
func sameDistribution(a, b map[string]int, n int) float64 {
	var chi float64
	classes, restA, restB := 0, 0., 0.
	add := func(x, y float64) {
		if x+y > 0 {
			chi += (x - y) * (x - y) / (x + y)
			classes++
		}
	}
	for outcome := range union(a, b) {
		x, y := float64(a[outcome]), float64(b[outcome])
		if x+y < 10 {
			restA, restB = restA+x, restB+y
			continue
		}
		add(x, y)
	}
	add(restA, restB)
	return chiSquareTail(chi, classes-1)
}

func union(a, b map[string]int) map[string]bool {
	all := map[string]bool{}
	for _, counts := range []map[string]int{a, b} {
		for outcome := range counts {
			all[outcome] = true
		}
	}
	return all
}

// chiSquareTail is the chance of more than chi with so many degrees of freedom.
// Source: Wilson and Hilferty, The Distribution of Chi-Square, PNAS 1931.
func chiSquareTail(chi float64, freedom int) float64 {
	k := float64(freedom)
	z := (math.Cbrt(chi/k) - (1 - 2/(9*k))) / math.Sqrt(2/(9*k))
	return math.Erfc(z/math.Sqrt2) / 2
}

func TestTheTestOfDistributionsTellsThemApart(t *testing.T) {
	e, _ := drafting(t, draftless, dice)
	other, _ := drafting(t, draftless, func(row []float32, history []engine.Token) {
		dice(row, history)
		if len(history) > len("abcdabdcacbdadcbabcdab")+1 {
			row['a'] += 0.4
		}
	})
	const draws = 6000
	if p := sameDistribution(outcomesOf(t, e, 2, 0, draws), outcomesOf(t, other, 2, draws, draws), draws); p > 1e-4 {
		t.Errorf("a score that is off by 0.4 gives p = %g", p)
	}
}
