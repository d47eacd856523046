package sample

import "math"

const (
	log2e     = math.Log2E
	expSteps  = 64            // table entries per power of 2
	expShift  = 6             // log2(expSteps)
	expFloor  = -1000         // powers of 2 below this are 0
	expRound  = 3 << 51       // added to a float64, it rounds to a whole number
	expLinear = math.Ln2 / 64 // Taylor series of 2^(f/64) at 0
	expSquare = expLinear * expLinear / 2
)

// expTable holds the bits of 2^(i/64).
var expTable = func() (t [expSteps]uint64) {
	for i := range t {
		t[i] = math.Float64bits(math.Exp2(float64(i) / expSteps))
	}
	return t
}()

// exp2 returns 2^y for y <= 0 with a relative error under 3e-8; 0 below 2^-1000
// and for NaN. It is some four times as fast as math.Exp2: the whole part goes
// into the exponent, six bits of the fraction into a table, the rest into a
// parabola.
func exp2(y float64) float64 {
	y *= expSteps
	if !(y >= expFloor*expSteps) {
		return 0
	}
	rounded := y + expRound
	k := math.Float64bits(rounded)
	f := y - (rounded - expRound)
	power := expTable[k%expSteps] + uint64(int64(k)>>expShift)<<52
	return math.Float64frombits(power) * (1 + f*(expLinear+f*expSquare))
}

// sumExp2 adds 2^((x-top)*scale) over the logits.
func sumExp2(logits []float32, top, scale float64) float64 {
	var sum float64
	for _, x := range logits {
		sum += exp2((float64(x) - top) * scale)
	}
	return sum
}

// sumWeighted adds x*2^((x-top)*scale) over the logits. What weighs nothing
// adds nothing, so that -Inf may be among them.
func sumWeighted(logits []float32, top, scale float64) float64 {
	var sum float64
	for _, x := range logits {
		if w := exp2((float64(x) - top) * scale); w > 0 {
			sum += w * float64(x)
		}
	}
	return sum
}
