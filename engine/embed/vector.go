package embed

import (
	"math"
	"slices"
)

// Shorten returns the first n numbers of a vector as a vector of length 1, for
// models trained so that these alone say most (Kusupati et al., Matryoshka
// Representation Learning, NeurIPS 2022).
func Shorten(v []float32, n int) []float32 {
	short := slices.Clone(v[:n])
	normalise(short)
	return short
}

// normalise scales a vector to length 1 (L2); one of length 0 stays.
func normalise(v []float32) {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return
	}
	scale := 1 / math.Sqrt(sum)
	for i, x := range v {
		v[i] = float32(float64(x) * scale)
	}
}

func finite(v []float32) bool {
	return !slices.ContainsFunc(v, func(x float32) bool { return math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) })
}

// Sigmoid turns a classifier's score into a probability, 0 to 1.
func Sigmoid(x float32) float64 { return 1 / (1 + math.Exp(-float64(x))) }
