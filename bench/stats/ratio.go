package stats

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"
)

// Interval is an estimate and the 95 % bounds around it.
type Interval struct {
	Estimate float64 `json:"estimate"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	Pairs    int     `json:"pairs"` // rounds in which both targets have the measure
}

// EnoughPairs is the least number of rounds for which the bounds can hold 95 %:
// the bootstrap never leaves the range of what was measured, and the range of n
// values misses their median with a chance of 2^(1-n).
const EnoughPairs = 6

// resamples of one interval. The Monte-Carlo error of a bound is then about a
// hundredth of the interval's width.
const resamples = 4000

// Ratio returns the geometric mean of the ratios a[i]/b[i] with the expanded
// percentile bootstrap interval over pairs: the quantiles that a plain percentile
// interval takes are moved outwards so that it is as wide as Student's for few
// pairs. Pairs in which a value is unknown (NaN) are left out; without any, and
// where a value is not positive, there is no ratio: NaN of no pairs. The seed makes
// it repeatable.
// Source: Hesterberg, What Teachers Should Know About the Bootstrap, The American
// Statistician 69 (2015), section 5.3.
func Ratio(a, b []float64, seed uint64) Interval {
	logs := logRatios(a, b)
	if len(logs) == 0 {
		return Interval{Estimate: math.NaN(), Low: math.NaN(), High: math.NaN()}
	}
	rng := rand.New(rand.NewPCG(seed, uint64(len(logs))))
	means := make([]float64, resamples)
	for i := range means {
		means[i] = resampledMean(rng, logs)
	}
	tail := expandedTail(len(logs))
	bounds := Quantiles(means, tail, 1-tail)
	return Interval{math.Exp(Mean(logs)), math.Exp(bounds[0]), math.Exp(bounds[1]), len(logs)}
}

// logRatios returns the logarithms of the ratios; none when one of them has none.
// To leave just that round out would tell of the others alone.
func logRatios(a, b []float64) []float64 {
	var logs []float64
	for i := range min(len(a), len(b)) {
		switch {
		case math.IsNaN(a[i]) || math.IsNaN(b[i]):
		case a[i] > 0 && b[i] > 0:
			logs = append(logs, math.Log(a[i]/b[i]))
		default:
			return nil
		}
	}
	return logs
}

func resampledMean(rng *rand.Rand, values []float64) float64 {
	sum := 0.0
	for range values {
		sum += values[rng.IntN(len(values))]
	}
	return sum / float64(len(values))
}

// expandedTail is the share of resamples beyond each bound for n pairs.
func expandedTail(n int) float64 {
	if n < 2 {
		return 0
	}
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(n - 1)}.Quantile(0.975)
	return distuv.UnitNormal.CDF(-t * math.Sqrt(float64(n)/float64(n-1)))
}

// Holds tells whether x lies within the bounds.
func (i Interval) Holds(x float64) bool { return i.Low <= x && x <= i.High }
