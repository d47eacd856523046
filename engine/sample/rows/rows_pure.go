//go:build !cgo

package rows

func measure(r *Row, scale float64, peaks []float32, sums []float64) float32 {
	return measureGo(r, scale, peaks, sums)
}

// passes: there is the reference alone.
const passes = 1

func measureBy(_ int, r *Row, scale float64, peaks []float32, sums []float64) float32 {
	return measureGo(r, scale, peaks, sums)
}

func passName(int) string { return "go" }
