package panels

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// useAMX loads the library where the CPU has AMX, and returns ggml's plug-in.
func useAMX(t testing.TB) string {
	t.Helper()
	cpu, err := os.ReadFile("/proc/cpuinfo")
	if err != nil || !strings.Contains(string(cpu), "amx_int8") {
		t.Skip("no AMX")
	}
	if err := Load(filepath.Join(native, File)); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(native, "libggml-cpu.so")
}

// inOrder computes a product as ggml's kernels for AMX do (amx/mmq.cpp, acc_C): block by
// block, the products of a block as integers, in single precision otherwise.
func inOrder(p Product) []float32 {
	l := layouts[p.Type]
	weight, act := len(p.Weights)/p.Rows/p.Blocks, len(p.Acts)/p.Cols/p.Blocks
	out := make([]float32, p.Cols*p.Rows)
	for i := range out {
		var sum float32
		for b := range p.Blocks {
			w, x := p.Weights[(i%p.Rows*p.Blocks+b)*weight:][:weight], p.Acts[(i/p.Rows*p.Blocks+b)*act:][:act]
			total := 0
			for k, q := range l.unpack(w) {
				total += q * int(int8(x[act-perBlock+k]))
			}
			sum = fma(float32(total), widened(w)*widened(x), sum)
			if l.min {
				sum = fma(widened(w[2:]), widened(x[2:]), sum)
			}
		}
		out[i] = sum
	}
	return out
}

// fma is a multiply-add that is rounded once, but where the sum in double precision lies
// halfway between two numbers by rounding, which random draws don't meet.
func fma(a, b, c float32) float32 { return float32(math.FMA(float64(a), float64(b), float64(c))) }

// widened reads a half that is a power of two, as scale draws them.
func widened(b []byte) float32 {
	bits := binary.LittleEndian.Uint16(b)
	v := math.Ldexp(1, int(bits>>10&31)-15)
	if bits>>15 == 1 {
		v = -v
	}
	return float32(v)
}

// unpack returns a block's quants, less their offset.
func (l layout) unpack(block []byte) (quants [perBlock]int) {
	for i := range quants {
		if l.bits == 8 {
			quants[i] = int(int8(block[len(block)-perBlock+i]))
			continue
		}
		nibbles := block[len(block)-perBlock/2:]
		quants[i] = int(nibbles[i%16]>>(4*(i/16))&15) - l.offset
	}
	return quants
}

// TestAMXIsGGMLToTheBit: results are those of ggml's order of sums, for any number of
// columns and threads.
func TestAMXIsGGMLToTheBit(t *testing.T) {
	plugin := useAMX(t)
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]int{q4_0, q4_1, q8_0}).Draw(t, "type")
		rows, cols := 32*rapid.IntRange(1, 3).Draw(t, "rows"), rapid.IntRange(1, 40).Draw(t, "cols")
		p, _, _ := product(kind, rows, cols, rapid.IntRange(1, 19).Draw(t, "blocks"), rapid.Uint64().Draw(t, "seed"))
		p.Threads = rapid.IntRange(1, 4).Draw(t, "threads")
		got, ok := p.ByAMX(plugin)
		if !ok {
			t.Fatal("not computed")
		}
		for i, want := range inOrder(p) {
			if got[i] != want {
				t.Fatalf("%s, row %d, column %d: %v, want %v", layouts[kind].name, i%rows, i/rows, got[i], want)
			}
		}
	})
}

func BenchmarkAMX(b *testing.B) {
	plugin := useAMX(b)
	for _, kind := range []int{q4_0, q4_1, q8_0} {
		for _, cols := range []int{1, 2, 4, 8, 16, 64} {
			const rows, blocks = 1024, 32
			p, _, _ := product(kind, rows, cols, blocks, 1)
			p.Threads = 1
			packed, ok := p.pack(plugin)
			if !ok {
				b.Fatal("not packed")
			}
			b.Run(fmt.Sprintf("%s/cols=%d", layouts[kind].name, cols), func(b *testing.B) {
				for range b.N {
					p.packed(packed)
				}
				b.ReportMetric(2*float64(rows*cols*blocks*perBlock)*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gflop/s")
			})
		}
	}
}
