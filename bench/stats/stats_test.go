package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		rule   string
		values []float64
		q      float64
		want   float64
	}{
		{"the middle of an odd number is the middle value", []float64{3, 1, 2}, 0.5, 2},
		{"the middle of an even number lies between", []float64{4, 1, 2, 3}, 0.5, 2.5},
		{"0 is the least", []float64{5, 4, 6}, 0, 4},
		{"1 is the largest", []float64{5, 4, 6}, 1, 6},
		{"between neighbours it is interpolated", []float64{0, 10}, 0.95, 9.5},
		{"one value is every quantile", []float64{7}, 0.99, 7},
	} {
		if got := Quantile(c.values, c.q); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: got %v, want %v", c.rule, got, c.want)
		}
	}
	if got := Quantile(nil, 0.5); !math.IsNaN(got) {
		t.Errorf("the quantile of nothing is %v", got)
	}
}

// Exponential values of mean 1: their q-quantile is -ln(1-q).
func TestQuantilesOfAKnownDistribution(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	values := make([]float64, 200_000)
	for i := range values {
		values[i] = rng.ExpFloat64()
	}
	for i, q := range []float64{0.5, 0.95, 0.99} {
		got, want := Quantiles(values, 0.5, 0.95, 0.99)[i], -math.Log(1-q)
		if math.Abs(got-want) > 0.02*want {
			t.Errorf("p%.0f is %v, the truth is %v", q*100, got, want)
		}
	}
}

func TestQuantilesLieWithinTheValuesAndRise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 1, 50).Draw(t, "values")
		a, b := rapid.Float64Range(0, 1).Draw(t, "a"), rapid.Float64Range(0, 1).Draw(t, "b")
		got := Quantiles(values, min(a, b), max(a, b))
		const rounding = 1e-6
		if got[0] > got[1]+rounding || got[0] < slices.Min(values)-rounding || got[1] > slices.Max(values)+rounding {
			t.Fatalf("quantiles %v of %v", got, values)
		}
	})
}

var positive = rapid.SliceOfN(rapid.Float64Range(0.01, 100), 1, 20)

func TestATargetIsAsFastAsItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := positive.Draw(t, "a")
		if got := Ratio(a, a, 1); got != (Interval{1, 1, 1, len(a)}) {
			t.Fatalf("got %+v", got)
		}
	})
}

func TestAConstantFactorIsFoundExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := positive.Draw(t, "b")
		factor := rapid.Float64Range(0.1, 10).Draw(t, "factor")
		a := slices.Clone(b)
		for i := range a {
			a[i] *= factor
		}
		got := Ratio(a, b, 1)
		for _, v := range []float64{got.Low, got.Estimate, got.High} {
			if math.Abs(v-factor) > 1e-9*factor {
				t.Fatalf("got %+v, want %v", got, factor)
			}
		}
	})
}

func TestTheReverseComparisonIsTheReciprocal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := positive.Draw(t, "a")
		b := rapid.SliceOfN(rapid.Float64Range(0.01, 100), len(a), len(a)).Draw(t, "b")
		one, other := Ratio(a, b, 1), Ratio(b, a, 1)
		if !close(one.Estimate, 1/other.Estimate) || !close(one.Low, 1/other.High) || !close(one.High, 1/other.Low) {
			t.Fatalf("%+v and %+v", one, other)
		}
		if one.Low > one.Estimate*(1+1e-9) || one.High < one.Estimate*(1-1e-9) {
			t.Fatalf("the estimate is out of its bounds: %+v", one)
		}
	})
}

func close(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Abs(b) }

func TestPairsWithAnUnknownValueAreLeftOut(t *testing.T) {
	nan := math.NaN()
	got := Ratio([]float64{2, nan, 4, 2}, []float64{1, 1, nan, 1}, 1)
	if got != (Interval{2, 2, 2, 2}) {
		t.Errorf("got %+v, want 2 of two pairs", got)
	}
}

func TestWithoutPositiveValuesThereIsNoRatio(t *testing.T) {
	for _, a := range [][]float64{nil, {math.NaN()}, {1, 0}, {1, -1}} {
		if got := Ratio(a, []float64{1, 1}, 1); got.Pairs != 0 || !math.IsNaN(got.Estimate) {
			t.Errorf("%v over 1: %+v", a, got)
		}
	}
}

func TestTheSameSeedGivesTheSameInterval(t *testing.T) {
	a, b := []float64{1, 2, 3, 4, 5, 6}, []float64{2, 2, 2, 3, 3, 3}
	if Ratio(a, b, 5) != Ratio(a, b, 5) {
		t.Error("two intervals of the same data differ")
	}
}

// Coverage by simulation: of intervals of known ratios, about 95 of 100 must hold
// the truth. A drift that hits both targets of a round alike must not matter.
func TestIntervalsHoldTheTruth95TimesOf100(t *testing.T) {
	for _, c := range []struct {
		rule  string
		pairs int
		noise func(*rand.Rand) float64 // of the logarithm, mean 0
		least float64
	}{
		{"normal noise, 6 rounds", 6, func(r *rand.Rand) float64 { return 0.1 * r.NormFloat64() }, 0.91},
		{"normal noise, 12 rounds", 12, func(r *rand.Rand) float64 { return 0.1 * r.NormFloat64() }, 0.93},
		{"one-sided noise, 12 rounds", 12, func(r *rand.Rand) float64 { return 0.1 * (r.ExpFloat64() - 1) }, 0.92},
		{"normal noise, 30 rounds", 30, func(r *rand.Rand) float64 { return 0.1 * r.NormFloat64() }, 0.93},
	} {
		if got := coverage(c.pairs, c.noise); got < c.least || got > 0.98 {
			t.Errorf("%s: %.3f of the intervals hold the truth, want %.2f to 0.98", c.rule, got, c.least)
		}
	}
}

func coverage(pairs int, noise func(*rand.Rand) float64) float64 {
	const trials, truth = 1000, 1.3
	rng := rand.New(rand.NewPCG(7, 7))
	held := 0
	for trial := range trials {
		a, b := make([]float64, pairs), make([]float64, pairs)
		for i := range pairs {
			drift := math.Exp(rng.NormFloat64())
			a[i] = truth * drift * math.Exp(noise(rng))
			b[i] = drift * math.Exp(noise(rng))
		}
		if Ratio(a, b, uint64(trial)).Holds(truth) {
			held++
		}
	}
	return float64(held) / trials
}

func TestFewerThanEnoughPairsCannotHold95(t *testing.T) {
	normal := func(r *rand.Rand) float64 { return 0.1 * r.NormFloat64() }
	if got := coverage(3, normal); got > 0.9 {
		t.Errorf("3 rounds hold the truth in %.3f: then EnoughPairs is too careful", got)
	}
}
