package sample

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"github.com/moltbot/moltbot/kvcache"
	"pgregory.net/rapid"
)

func TestLogprobsAreThoseOfTheRawRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		logits := drawLogits(t)
		top := rapid.IntRange(0, 20).Draw(t, "top")
		chosen := kvcache.Token(rapid.IntRange(0, len(logits)-1).Draw(t, "chosen"))
		probs := newNaive(Params{Temperature: 1}, logits, nil, nil).softmax()
		if slices.Max(logits) == minusInf {
			return // no token could be chosen
		}
		got, best := Logprobs(logits, chosen, top)
		wantLogprob(t, got, probs)
		if got.Token != chosen || len(best) > top {
			t.Fatalf("token %d with %d alternatives, asked for %d with %d", got.Token, len(best), chosen, top)
		}
		wantBest(t, best, probs)
	})
}

func TestOnePassSaysWhatTwoSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		own, p := drawLogits(t), drawParams(t)
		if slices.Max(own) == minusInf {
			return
		}
		p.Temperature = rapid.SampledFrom([]float64{0, 0.7, 1}).Draw(t, "temperature")
		if rapid.Bool().Draw(t, "bias") {
			p.LogitBias = map[int32]float64{0: 5}
		}
		logits := own
		if rapid.Bool().Draw(t, "masked") {
			logits = slices.Clone(own)
			logits[slices.Index(logits, slices.Min(logits))] = minusInf
		}
		top := rapid.IntRange(0, 20).Draw(t, "top")
		token, err := New(p, nil).Sample(logits)
		got, best, errBoth := New(p, nil).SampleLogprobs(logits, own, top)
		if (err == nil) != (errBoth == nil) {
			t.Fatalf("errors %v and %v", err, errBoth)
		}
		if want, wantBest := Logprobs(own, token, top); err == nil && (got != want || !slices.Equal(best, wantBest)) {
			t.Fatalf("got %v and %v, want %v and %v", got, best, want, wantBest)
		}
	})
}

func wantLogprob(t *rapid.T, got TokenLP, probs []float64) {
	want := math.Log(probs[got.Token])
	if got.Logprob != want && !(math.Abs(got.Logprob-want) < 1e-6) {
		t.Fatalf("token %d: log-probability %g, by the book %g", got.Token, got.Logprob, want)
	}
}

// wantBest compares with a full sort, and the sum with 1.
func wantBest(t *rapid.T, best []TokenLP, probs []float64) {
	order := make([]int, len(probs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(probs[b], probs[a]) })
	sum := 0.0
	for i, b := range best {
		wantLogprob(t, b, probs)
		if probs[b.Token] != probs[order[i]] {
			t.Fatalf("place %d: token %d, by the book %d", i, b.Token, order[i])
		}
		sum += math.Exp(b.Logprob)
	}
	if sum > 1+3e-8 {
		t.Fatalf("the alternatives have %g of 1", sum)
	}
}
