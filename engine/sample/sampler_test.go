package sample

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/moltbot/moltbot/kvcache"
	"pgregory.net/rapid"
)

// noise returns n normally distributed logits.
func noise(seed uint64, n int, spread float64) []float32 {
	random := rand.New(rand.NewPCG(seed, 1))
	logits := make([]float32, n)
	for i := range logits {
		logits[i] = float32(random.NormFloat64() * spread)
	}
	return logits
}

// drawLogits returns rows of one to several blocks: smooth, with many equal
// logits, or with forbidden tokens.
func drawLogits(t *rapid.T) []float32 {
	logits := noise(rapid.Uint64().Draw(t, "noise"), rapid.IntRange(1, 5*blockLen+3).Draw(t, "vocab"), rapid.Float64Range(0, 8).Draw(t, "spread"))
	kind := rapid.SampledFrom([]string{"smooth", "equal", "forbidden"}).Draw(t, "kind")
	for i := range logits {
		switch {
		case kind == "equal":
			logits[i] = float32(math.Round(float64(logits[i])))
		case kind == "forbidden" && i%3 == 1:
			logits[i] = minusInf
		}
	}
	return logits
}

func drawParams(t *rapid.T) Params {
	off := func(name string, g *rapid.Generator[float64]) float64 {
		return rapid.OneOf(rapid.Just(0.0), g).Draw(t, name)
	}
	return Params{
		Temperature: rapid.Float64Range(0.1, 2).Draw(t, "temperature"),
		TopK:        rapid.OneOf(rapid.Just(0), rapid.IntRange(1, 700)).Draw(t, "top_k"),
		TopP:        off("top_p", rapid.Float64Range(0.01, 1)),
		MinP:        off("min_p", rapid.Float64Range(0.0001, 1)),
		TypicalP:    off("typical_p", rapid.Float64Range(0.01, 1)),
	}
}

func drawPenalties(t *rapid.T, p *Params, vocab int) (prompt, output []kvcache.Token) {
	p.RepeatPenalty = rapid.SampledFrom([]float64{0, 0.8, 1, 1.1, 1.5}).Draw(t, "repeat")
	p.RepeatLastN = rapid.SampledFrom([]int{-1, 0, 1, 5, 200}).Draw(t, "last_n")
	p.FrequencyPenalty = rapid.SampledFrom([]float64{0, -1, 0.5, 2}).Draw(t, "frequency")
	p.PresencePenalty = rapid.SampledFrom([]float64{0, -0.5, 1}).Draw(t, "presence")
	p.LogitBias = rapid.MapOfN(rapid.Int32Range(0, int32(vocab)), rapid.Float64Range(-100, 100), 0, 4).Draw(t, "bias")
	token := rapid.Custom(func(t *rapid.T) kvcache.Token { return kvcache.Token(rapid.IntRange(0, vocab-1).Draw(t, "token")) })
	return rapid.SliceOfN(token, 0, 100).Draw(t, "prompt"), rapid.SliceOfN(token, 0, 100).Draw(t, "output")
}

// distribution returns what the package would draw from.
func distribution(s *Sampler, logits []float32) []float64 {
	w := new(workspace)
	w.row.load(logits, s.past.touched, &s.p)
	w.row.measure(s.p.scale())
	w.filter(&s.p)
	probs, total := make([]float64, len(logits)), w.total()
	for b := range w.row.Blocks() {
		for i, logit := range w.row.Block(b) {
			if !w.listed {
				probs[b*blockLen+i] = w.weight(logit) / total
			}
		}
	}
	for _, c := range w.list {
		if w.listed {
			probs[c.token] = c.weight / total
		}
	}
	return probs
}

func wantEqual(t *rapid.T, got, want []float64) {
	for i := range want {
		if (got[i] > 0) != (want[i] > 0) && max(got[i], want[i]) > 1e-15 {
			t.Fatalf("token %d: probability %g, by the book %g", i, got[i], want[i])
		}
		if math.Abs(got[i]-want[i]) > 1e-5 {
			t.Fatalf("token %d: probability %g, by the book %g", i, got[i], want[i])
		}
	}
}

func TestFiltersKeepWhatTheBookKeeps(t *testing.T) {
	runs, borders := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		logits, p := drawLogits(t), drawParams(t)
		book := newNaive(p, logits, nil, nil)
		want := book.distribution()
		if runs++; book.border {
			borders++
			return
		}
		wantEqual(t, distribution(New(p, nil), logits), want)
	})
	if borders*2 > runs {
		t.Errorf("%d of %d runs were on a border and compared nothing", borders, runs)
	}
}

func TestPenaltiesAreThoseOfTheBook(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		logits := drawLogits(t)
		p := Params{Temperature: 1}
		prompt, output := drawPenalties(t, &p, len(logits))
		s := New(p, prompt)
		for _, token := range output {
			s.Accept(token)
		}
		wantEqual(t, distribution(s, logits), newNaive(p, logits, prompt, output).distribution())
	})
}

func TestGreedyIsArgmaxAfterPenalties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		logits := drawLogits(t)
		p := drawParams(t)
		p.Temperature = 0
		prompt, output := drawPenalties(t, &p, len(logits))
		s := New(p, prompt)
		for _, token := range output {
			s.Accept(token)
		}
		book := newNaive(p, logits, prompt, output)
		got, err := s.Sample(logits)
		best := book.logits[book.argmax()]
		if err != nil && !math.IsInf(best, -1) {
			t.Fatal(err)
		}
		if err == nil && best-book.logits[got] > 1e-4 {
			t.Fatalf("token %d with %g, by the book %g", got, book.logits[got], best)
		}
	})
}

func TestGreedyTakesTheLowestOfEqualTokens(t *testing.T) {
	for _, at := range [][]int{{3, 4}, {0, 299}, {127, 128}, {6, 200}} {
		logits := make([]float32, 300)
		for _, i := range at {
			logits[i] = 1
		}
		if got := sampled(t, Params{}, logits); int(got) != at[0] {
			t.Errorf("equal maxima at %v: got %d", at, got)
		}
	}
}

func sampled(t *testing.T, p Params, logits []float32) kvcache.Token {
	t.Helper()
	token, err := New(p, nil).Sample(logits)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestSampleRejectsBrokenRows(t *testing.T) {
	nan := float32(math.NaN())
	rows := map[string][]float32{
		"a NaN at the start":         append([]float32{nan}, noise(1, 300, 3)...),
		"a NaN at the end":           append(noise(1, 300, 3), nan),
		"a negative NaN":             append(noise(1, 256, 3), math.Float32frombits(0xffc00000), 1, 2, 3, 4, 5),
		"a NaN that is overtaken":    {1, 2, nan, 9, 10, 11, 12, 13},
		"a NaN under a higher logit": {100, 100, 100, 100, 1, nan, 1, 1},
		"a +Inf":                     append([]float32{float32(math.Inf(1))}, noise(1, 300, 3)...),
		"nothing but -Inf":           {minusInf, minusInf, minusInf, minusInf, minusInf},
		"no logits":                  {},
	}
	for name, row := range rows {
		if own, best := Logprobs(row, 0, 5); !math.IsNaN(own.Logprob) || best != nil {
			t.Errorf("%s: log-probability %g and %v", name, own.Logprob, best)
		}
		for _, p := range []Params{{}, {Temperature: 1}, {Temperature: 1, TopK: 2}} {
			if _, err := New(p, nil).Sample(row); !errors.Is(err, ErrNaN) {
				t.Errorf("%s, temperature %g, top_k %d: error %v", name, p.Temperature, p.TopK, err)
			}
		}
	}
}

func TestBiasForbidsAndForces(t *testing.T) {
	logits := noise(2, 500, 3)
	likeliest := sampled(t, Params{}, logits)
	forbid := New(Params{Temperature: 1, LogitBias: map[int32]float64{int32(likeliest): -100}}, nil)
	force := New(Params{Temperature: 1, LogitBias: map[int32]float64{77: 100}}, nil)
	for range 2000 {
		if got, _ := forbid.Sample(logits); got == likeliest {
			t.Fatalf("token %d was drawn though its bias is -100", got)
		}
		if got, _ := force.Sample(logits); got != 77 {
			t.Fatalf("token %d was drawn though the bias of 77 is +100", got)
		}
	}
}

func TestDrawsFollowTheDistribution(t *testing.T) {
	const draws = 10000
	logits := noise(3, 200, 2)
	for name, p := range map[string]Params{
		"whole row":   {Temperature: 1},
		"flat":        {Temperature: 50},
		"sharp":       {Temperature: 0.3},
		"top_k":       {Temperature: 1, TopK: 20},
		"top_p":       {Temperature: 1, TopP: 0.8},
		"min_p":       {Temperature: 1.5, MinP: 0.05},
		"typical_p":   {Temperature: 1, TypicalP: 0.7},
		"all of them": {Temperature: 1.2, TopK: 100, TypicalP: 0.95, TopP: 0.95, MinP: 0.02},
	} {
		p.Seed = 11
		s, count := New(p, nil), make([]float64, len(logits))
		for range draws {
			token, err := s.Sample(logits)
			if err != nil {
				t.Fatal(err)
			}
			count[token]++
		}
		wantChiSquare(t, name, count, newNaive(p, logits, nil, nil).distribution(), draws)
	}
}

// wantChiSquare fails beyond five standard deviations; rare tokens share a bin.
func wantChiSquare(t *testing.T, name string, count, probs []float64, draws float64) {
	t.Helper()
	var chi, bins, restWant, rest float64
	for i, p := range probs {
		switch want := p * draws; {
		case want >= 5:
			chi += (count[i] - want) * (count[i] - want) / want
			bins++
		case p == 0 && count[i] > 0:
			t.Errorf("%s: token %d was drawn %g times and must not be", name, i, count[i])
		default:
			restWant += want
			rest += count[i]
		}
	}
	if restWant > 0 {
		chi += (rest - restWant) * (rest - restWant) / max(restWant, 1)
	}
	if limit := bins + 5*math.Sqrt(2*bins); chi > limit {
		t.Errorf("%s: chi-square %.1f over %g bins, at most %.1f expected", name, chi, bins, limit)
	}
}

func TestEqualSeedsGiveEqualTokens(t *testing.T) {
	for _, p := range []Params{{Temperature: 1}, {Temperature: 1, TopP: 0.9, RepeatPenalty: 1.1}} {
		p.Seed = 5
		first := generate(p, 200)
		if !slices.Equal(first, generate(p, 200)) {
			t.Errorf("%+v: two runs differ", p)
		}
		if p.Seed++; slices.Equal(first, generate(p, 200)) {
			t.Errorf("%+v: the seed changes nothing", p)
		}
	}
}

func generate(p Params, n int) (tokens []kvcache.Token) {
	s := New(p, nil)
	for i := range n {
		token, _ := s.Sample(noise(uint64(i), 400, 3))
		s.Accept(token)
		tokens = append(tokens, token)
	}
	return tokens
}

func TestSamplersRunSideBySide(t *testing.T) {
	p := Params{Temperature: 1, TopP: 0.9, RepeatPenalty: 1.1, Seed: 3}
	want := generate(p, 100)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if !slices.Equal(generate(p, 100), want) {
				t.Error("a sampler is disturbed by another")
			}
		})
	}
	wg.Wait()
}

func TestOddParametersStillGiveAToken(t *testing.T) {
	logits := append(noise(6, 300, 3), minusInf, -math.MaxFloat32, minusInf)
	odd := []float64{0, math.SmallestNonzeroFloat64, 1e-5, 1 - 1e-16, 1, 2, -1, math.MaxFloat64, math.Inf(1), math.NaN()}
	for _, x := range odd {
		for _, y := range odd {
			for k, p := range []Params{
				{Temperature: x, TopP: y},
				{Temperature: x, TypicalP: y},
				{Temperature: x, MinP: y},
				{Temperature: 1, TopP: x, TypicalP: y, TopK: 1 << 40},
				{Temperature: 1, TopP: x, MinP: y, TopK: -1},
			} {
				if token := sampled(t, p, logits); token >= 300 {
					t.Errorf("case %d, %g and %g: token %d", k, x, y, token)
				}
			}
		}
	}
}

func TestSampleLeavesTheLogitsAlone(t *testing.T) {
	logits := noise(4, 400, 3)
	before := slices.Clone(logits)
	s := New(Params{Temperature: 1, TopK: 30, RepeatPenalty: 2, LogitBias: map[int32]float64{1: 50, 399: -3}}, nil)
	for range 50 {
		token, _ := s.Sample(logits)
		s.Accept(token)
		Logprobs(logits, token, 5)
	}
	if !slices.Equal(logits, before) {
		t.Error("the row was written to")
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	logits := noise(5, 1000, 3)
	for name, p := range allKinds {
		s, w := New(p, nil), new(workspace)
		token := func() {
			token, _ := s.choose(w, logits)
			s.Accept(token % 50)
		}
		for range 100 {
			token() // until every buffer has its size
		}
		if n := testing.AllocsPerRun(100, token); n > 0 {
			t.Errorf("%s: %g allocations a token", name, n)
		}
	}
}
