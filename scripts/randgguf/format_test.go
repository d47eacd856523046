package main

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

// unpack are the weights of a block, as llama.cpp's dequantize_row_q4_0 and
// dequantize_row_q4_K define them.
var unpack = map[string]func(block []byte) []float64{
	"q4_0": func(b []byte) (w []float64) {
		for _, q := range b[2:] {
			w = append(w, whole(b)*(float64(q&15)-8), whole(b)*(float64(q>>4)-8))
		}
		return w
	},
	"q4_k": func(b []byte) (w []float64) {
		for j := range 8 {
			sc, m := scaleOf(b[4:16], j)
			for _, q := range b[16+j/2*32:][:32] {
				w = append(w, whole(b)*sc*float64(q>>(j%2*4)&15)-whole(b[2:])*m)
			}
		}
		return w
	},
}

func scaleOf(s []byte, j int) (sc, m float64) {
	if j < 4 {
		return float64(s[j] & 63), float64(s[j+4] & 63)
	}
	return float64(s[j+4]&15 | s[j-4]>>6<<4), float64(s[j+4]>>4 | s[j]>>6<<4)
}

// whole turns a half into a float64.
func whole(b []byte) float64 {
	h := binary.LittleEndian.Uint16(b)
	sign := 1 - 2*float64(h>>15)
	exp, frac := int(h>>10&31), float64(h&1023)
	if exp == 0 {
		return sign * math.Ldexp(frac, -24)
	}
	return sign * math.Ldexp(1024+frac, exp-25)
}

func TestWeightsSpreadAsAskedAroundZero(t *testing.T) {
	for _, f := range formats {
		for _, std := range []float64{1, 0.0625, 1e-3} {
			random := rand.NewChaCha8(seed(1))
			block := make([]byte, f.bytes)
			var n, sum, squares float64
			for range 1 << 20 / f.weights {
				_, _ = random.Read(block) // never fails
				f.shape(block, std)
				for _, w := range unpack[f.name](block) {
					n, sum, squares = n+1, sum+w, squares+w*w
				}
			}
			if n != 1<<20 {
				t.Errorf("%s: %g weights", f.name, n)
			}
			if got := math.Sqrt(squares / n); math.Abs(got/std-1) > 0.02 {
				t.Errorf("%s: they spread by %g, want %g", f.name, got, std)
			}
			if mean := sum / n; math.Abs(mean) > 0.005*std {
				t.Errorf("%s: their mean is %g where they spread by %g", f.name, mean, std)
			}
		}
	}
}

// What rounding leaves is small; only the sign of q4_0's half step is left to chance.
func TestEachBlockOfQ4KIsBalanced(t *testing.T) {
	random := rand.NewChaCha8(seed(1))
	block := make([]byte, 144)
	lean, blocks := 0.0, 1000
	for range blocks {
		_, _ = random.Read(block) // never fails
		shapeQ4K(block, 1)
		mean := 0.0
		for _, w := range unpack["q4_k"](block) {
			mean += w / 256
		}
		lean += math.Abs(mean) / float64(blocks)
	}
	if chance := math.Sqrt(2/math.Pi) / 16; lean > 1.1*chance { // of 256 independent weights
		t.Errorf("blocks lean by %g, chance alone is %g", lean, chance)
	}
}

func TestHalfIsTheNearestHalf(t *testing.T) {
	for x, want := range map[float64]uint16{
		0: 0, 1: 0x3c00, 1.5: 0x3e00, 65504: 0x7bff, 0.333251953125: 0x3555, 1.0 / 3: 0x3555,
		1 << 10: 0x6400, 2047.9: 0x6800, 6.103515625e-5: 0x0400, 6.0975e-5: 0x03ff, 5.960464477539063e-8: 1,
	} {
		if got := half(x); got != want {
			t.Errorf("half(%g) = %#04x, want %#04x", x, got, want)
		}
	}
}
