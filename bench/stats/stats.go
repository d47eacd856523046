// Package stats has the arithmetic of measurements.
//
// Owns: quantiles, and intervals for the ratio of two targets over paired rounds.
// Must not import: anything of Moltbot.
// Flow: bench/measure boils records down with Quantile; bench/report compares
// targets with Ratio.
package stats

import (
	"math"
	"slices"
)

// Quantile returns the q-quantile (0 to 1) of values, interpolated between
// neighbours; NaN when there are none. Source: Hyndman and Fan, Sample Quantiles
// in Statistical Packages, 1996, definition 7.
func Quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return quantileSorted(sorted, q)
}

// Quantiles returns several quantiles of the same values.
func Quantiles(values []float64, qs ...float64) []float64 {
	sorted := slices.Sorted(slices.Values(values))
	out := make([]float64, len(qs))
	for i, q := range qs {
		out[i] = quantileSorted(sorted, q)
	}
	return out
}

func quantileSorted(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	low := int(math.Floor(at))
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// Mean returns the mean; NaN when there are no values.
func Mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
