package sample

import (
	"math"
	"testing"
)

func TestExp2IsAccurate(t *testing.T) {
	for y := 0.0; y > -990; y -= 0.00137 {
		got, want := exp2(y), math.Exp2(y)
		if math.Abs(got/want-1) > 3e-8 {
			t.Fatalf("2^%g: got %g, want %g", y, got, want)
		}
	}
}

func TestExp2AtTheEnds(t *testing.T) {
	for _, c := range []struct{ y, want float64 }{
		{0, 1},
		{math.Copysign(0, -1), 1},
		{-1, 0.5},
		{-1001, 0},
		{-1e300, 0},
		{math.Inf(-1), 0},
		{math.NaN(), 0},
	} {
		if got := exp2(c.y); got != c.want {
			t.Errorf("2^%g: got %g, want %g", c.y, got, c.want)
		}
	}
}
