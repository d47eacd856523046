package panels

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

const q4_K, q5_K, q6_K = 12, 13, 14

const perSuper = 256 // weights of a block of a K format

// super is a block of a K format: its quants, and for each of its groups a scale and
// what is subtracted.
type super struct {
	quants       [perSuper]int
	scales, mins []int
	d, dmin      float32
}

var superBytes = map[int]int{q4_K: 144, q5_K: 176, q6_K: 210}

// randomSuper returns the bytes of a block: anything, but for its scales.
func randomSuper(rnd *rand.Rand, kind int) []byte {
	b := make([]byte, superBytes[kind])
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	d, _ := scale(rnd)
	dmin, _ := scale(rnd)
	if kind == q6_K {
		binary.LittleEndian.PutUint16(b[208:], d)
		return b
	}
	binary.LittleEndian.PutUint16(b, d)
	binary.LittleEndian.PutUint16(b[2:], dmin)
	return b
}

// parse reads a block as ggml-common.h and ggml-quants.c lay it out.
func parse(kind int, b []byte) super {
	if kind == q6_K {
		return parse6(b)
	}
	s := super{d: widened(b), dmin: widened(b[2:])}
	packed, low := b[4:16], b[len(b)-128:]
	for g := range 8 {
		scale, min := packed[g%4]&63, packed[g%4+4]&63
		if g >= 4 {
			scale = packed[g+4]&15 | packed[g-4]>>6<<4
			min = packed[g+4]>>4 | packed[g]>>6<<4
		}
		s.scales, s.mins = append(s.scales, int(scale)), append(s.mins, int(min))
		for l := range 32 {
			q := int(low[g/2*32+l] >> (4 * (g % 2)) & 15)
			if kind == q5_K {
				q |= int(b[16+l]>>g&1) << 4
			}
			s.quants[g*32+l] = q
		}
	}
	return s
}

func parse6(b []byte) super {
	s := super{d: widened(b[208:])}
	for i := range s.quants {
		half, part, l := i/128, i%128/32, i%32 // 32 weights share their bytes of high bits
		low := b[half*64+part%2*32+l] >> (4 * (part / 2)) & 15
		high := b[128+half*32+l] >> (2 * part) & 3
		s.quants[i] = int(low|high<<4) - 32
	}
	for _, scale := range b[192:208] {
		s.scales = append(s.scales, int(int8(scale)))
	}
	return s
}

// randomSums returns a block of Q8_K: scale, quants, and the sums of each 16 of them.
func randomSums(rnd *rand.Rand) (block []byte, quants [perSuper]int, d float32) {
	_, v := scale(rnd)
	block = binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(v)))
	var sums [16]int
	for i := range quants {
		quants[i] = rnd.IntN(255) - 127
		sums[i/16] += quants[i]
		block = append(block, byte(int8(quants[i])))
	}
	for _, sum := range sums {
		block = binary.LittleEndian.AppendUint16(block, uint16(int16(sum)))
	}
	return block, quants, float32(v)
}

// superProduct returns random matrices of a K format, and their product in ggml's order
// of sums (amx/mmq.cpp, scale_C and acc_C).
func superProduct(kind, rows, cols, blocks int, rnd *rand.Rand) (p Product, want []float32) {
	p = Product{Type: kind, Rows: rows, Cols: cols, Blocks: blocks}
	weights := make([]super, rows*blocks)
	for i := range weights {
		b := randomSuper(rnd, kind)
		p.Weights, weights[i] = append(p.Weights, b...), parse(kind, b)
	}
	want = make([]float32, cols*rows)
	for c := range cols {
		for b := range blocks {
			block, quants, d := randomSums(rnd)
			p.Acts = append(p.Acts, block...)
			for r := range rows {
				w := &weights[r*blocks+b]
				want[c*rows+r] = w.add(want[c*rows+r], quants, d)
			}
		}
	}
	return p, want
}

func (s *super) add(sum float32, acts [perSuper]int, d float32) float32 {
	size, products, low := perSuper/len(s.scales), 0, 0
	for i, q := range s.quants {
		products += s.scales[i/size] * q * acts[i]
		if s.mins != nil {
			low += s.mins[i/size] * acts[i]
		}
	}
	sum = fma(float32(products), d*s.d, sum)
	if s.mins != nil {
		sum = fma(-float32(low), d*s.dmin, sum)
	}
	return sum
}

// TestAMXIsGGMLToTheBitForKFormats is TestAMXIsGGMLToTheBit for blocks of 256.
func TestAMXIsGGMLToTheBitForKFormats(t *testing.T) {
	plugin := useAMX(t)
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]int{q4_K, q5_K, q6_K}).Draw(t, "type")
		rows, cols := 32*rapid.IntRange(1, 2).Draw(t, "rows"), rapid.IntRange(1, 40).Draw(t, "cols")
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		p, want := superProduct(kind, rows, cols, rapid.IntRange(1, 4).Draw(t, "blocks"), rnd)
		p.Threads = rapid.IntRange(1, 4).Draw(t, "threads")
		got, ok := p.ByAMX(plugin)
		if !ok {
			t.Fatal("not computed")
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("type %d, row %d, column %d: %v, want %v", kind, i%rows, i/rows, got[i], want[i])
			}
		}
	})
}

func BenchmarkAMXForKFormats(b *testing.B) {
	plugin := useAMX(b)
	for _, kind := range []int{q4_K, q5_K, q6_K} {
		const rows, blocks = 1024, 4
		for _, cols := range []int{2, 8, 64} {
			p, _ := superProduct(kind, rows, cols, blocks, rand.New(rand.NewPCG(1, 1)))
			p.Threads = 1
			packed, ok := p.pack(plugin)
			if !ok {
				b.Fatal("not packed")
			}
			b.Run(fmt.Sprintf("type=%d/cols=%d", kind, cols), func(b *testing.B) {
				for range b.N {
					p.packed(packed)
				}
				b.ReportMetric(2*float64(rows*cols*blocks*perSuper)*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gflop/s")
			})
		}
	}
}
