package rows

import "math"

const lanes = 8 // sums that a block is added up in

// Minimax-like polynomial of (2^f-1)/f on [-1/2, 1/2]: interpolation at Chebyshev
// nodes. 1+f*p(f) is 2^f with a relative error under 6e-9.
const (
	exp0   = 0.6931471880262288
	exp1   = 0.24022650760568087
	expTwo = 0.05550357114219124
	exp3   = 0.009618082557285924
	exp4   = 0.001339086336464892
	exp5   = 0.0001545316294214853

	expFloor = -1000   // powers of 2 below this are 0
	expRound = 3 << 51 // added to a float64, it rounds to a whole number
)

// Exp2 returns 2^y for y <= 0 with a relative error under 6e-9; 0 below 2^-1000
// and for NaN. The whole part goes into the exponent, the rest into a polynomial.
// Conversions keep the compiler from fusing a product with a sum, which C does not.
func Exp2(y float64) float64 {
	if !(y >= expFloor) {
		return 0
	}
	rounded := y + expRound
	f := y - (rounded - expRound)
	p := float64(exp5*f) + exp4
	p = float64(p*f) + exp3
	p = float64(p*f) + expTwo
	p = float64(p*f) + exp1
	p = float64(p*f) + exp0
	p = float64(p*f) + 1
	return math.Float64frombits(math.Float64bits(p) + math.Float64bits(rounded)<<52)
}

func measureGo(r *Row, scale float64, peaks []float32, sums []float64) (top float32) {
	top, broken := minusInf, false
	for b := range r.Blocks() {
		block := r.Block(b)
		peak, ok := peakOf(block)
		broken = broken || !ok
		peaks[b], top = peak, max(top, peak)
		if sums == nil {
			continue
		}
		sums[b] = 0
		if (float64(peak)-float64(top))*scale >= Negligible {
			sums[b] = sumOf(block, float64(peak), scale)
		}
	}
	if broken {
		return float32(math.NaN())
	}
	return top
}

// peakOf returns the maximum of a block; ok is false when it holds NaN or +Inf.
func peakOf(block []float32) (peak float32, ok bool) {
	peak, ok = minusInf, true
	for i, x := range block {
		if x <= peak {
			continue // nearly always
		}
		if !(x <= math.MaxFloat32) {
			return block[i], false
		}
		peak = x
	}
	return peak, ok
}

// sumOf adds 2^((x-peak)*scale) over a block, each eighth logit in one lane.
func sumOf(block []float32, peak, scale float64) float64 {
	var s [lanes]float64
	for i, x := range block {
		s[i%lanes] += Exp2((float64(x) - peak) * scale)
	}
	return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}
