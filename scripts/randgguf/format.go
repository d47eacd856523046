package main

import (
	"encoding/binary"
	"fmt"
	"math"
)

// format is how random weights are packed. Source of the layouts:
// block_q4_0 and block_q4_K in llama.cpp's ggml/src/ggml-common.h, and
// get_scale_min_k4 in ggml-quants.c.
type format struct {
	name     string
	kind     uint32 // enum ggml_type
	fileType uint32 // enum llama_ftype
	weights  int    // of a block
	bytes    int    // of a block
	// shape turns random bytes into a block whose weights spread by std.
	shape func(block []byte, std float64)
}

var formats = []format{
	{"q4_0", 2, 2, 32, 18, shapeQ40},
	{"q4_k", 12, 14, 256, 144, shapeQ4K},
}

func lookupFormat(name string) (format, error) {
	for _, f := range formats {
		if f.name == name {
			return f, nil
		}
	}
	return format{}, fmt.Errorf("the type %q is unknown; there are q4_0 and q4_k", name)
}

// spread is the standard deviation of a number that is 0 to 15, each as likely.
var spread = math.Sqrt((16*16 - 1) / 12.0)

// shapeQ40 sets the scale: a weight is d·(q-8). Such weights lean to one side by
// half a step, so the sign of each block is random: over a row that evens out.
func shapeQ40(block []byte, std float64) {
	sign := uint16(block[1]&0x80) << 8
	binary.LittleEndian.PutUint16(block, half(std/spread)|sign)
}

// scaleMean is what the scales of shapeQ4K are on the average, squared and rooted.
var scaleMean = math.Sqrt((4*4 + 5*5 + 6*6 + 7*7) / 4.0)

// shapeQ4K sets the scales: a weight of the j-th 32 is d·sc[j]·q - dmin·m[j].
// sc and m are equal, 4 to 7, and dmin is 7.5·d, the middle of q; both share a
// random sign, which evens out what rounding leaves.
func shapeQ4K(block []byte, std float64) {
	sign := uint16(block[1]&0x80) << 8
	d := std / spread / scaleMean
	binary.LittleEndian.PutUint16(block, half(d)|sign)
	binary.LittleEndian.PutUint16(block[2:], half(7.5*d)|sign)
	scales := block[4:16]
	for j := range 4 {
		sc := scales[j]&3 | 4
		scales[j], scales[j+4] = sc, sc // of the first four; the high bits of the others are 0
		sc = scales[j+8]&3 | 4
		scales[j+8] = sc | sc<<4
	}
}

// half turns a positive number below 65504 into an IEEE 754 half, to the nearest.
func half(x float64) uint16 {
	const smallest = 1.0 / (1 << 24) // the last place of the subnormal ones
	if x < 1.0/(1<<14) {
		return uint16(math.Round(x / smallest))
	}
	frac, exp := math.Frexp(x) // x = frac·2^exp, frac in [0.5, 1)
	return uint16(exp+14)<<10 + uint16(math.Round((2*frac-1)*1024))
}
