package panels

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// ggml's numbers of the types, from ggml.h.
const (
	q4_0, q4_1, q5_0, q5_1, q8_0, q8_1 = 2, 3, 6, 7, 8, 9
)

const perBlock = 32

// native is the folder of the libraries that `make native` built.
var native = filepath.Join("..", "..", "build", "native", "lib")

// layout is how ggml-common.h lays out a block.
type layout struct {
	name   string
	bits   int
	offset int // value = bits - offset
	min    bool
	acts   int // the type that it is multiplied with
}

var layouts = map[int]layout{
	q4_0: {"Q4_0", 4, 8, false, q8_0},
	q4_1: {"Q4_1", 4, 0, true, q8_1},
	q5_0: {"Q5_0", 5, 16, false, q8_0},
	q5_1: {"Q5_1", 5, 0, true, q8_1},
	q8_0: {"Q8_0", 8, 128, false, q8_0},
}

// scale is a half-precision number and its value: 2^-e, plus or minus.
func scale(rnd *rand.Rand) (bits uint16, value float64) {
	e := rnd.IntN(12)
	bits, value = uint16(15-e)<<10, math.Ldexp(1, -e)
	if rnd.IntN(2) == 0 {
		return bits | 1<<15, -value
	}
	return bits, value
}

// weights returns a random block and its values.
func (l layout) weights(rnd *rand.Rand) (block []byte, values [perBlock]float64) {
	d, size := scale(rnd)
	block = binary.LittleEndian.AppendUint16(nil, d)
	var smallest float64
	if l.min {
		m, v := scale(rnd)
		block, smallest = binary.LittleEndian.AppendUint16(block, m), v
	}
	var quants [perBlock]int
	for i := range quants {
		quants[i] = rnd.IntN(1 << l.bits)
		values[i] = size*float64(quants[i]-l.offset) + smallest
	}
	return append(block, l.pack(quants)...), values
}

// pack lays out the quants: the fifth bits, then the nibbles or bytes.
func (l layout) pack(quants [perBlock]int) (out []byte) {
	if l.bits == 8 {
		for _, q := range quants {
			out = append(out, byte(int8(q-l.offset)))
		}
		return out
	}
	if l.bits == 5 {
		var high uint32
		for i, q := range quants {
			high |= uint32(q>>4) << i
		}
		out = binary.LittleEndian.AppendUint32(out, high)
	}
	for i := range perBlock / 2 {
		out = append(out, byte(quants[i]&15|quants[i+perBlock/2]&15<<4))
	}
	return out
}

// acts returns a random block of Q8_0 or Q8_1, its values, and what stands for their
// sum: Q8_1 carries it as a number of its own.
func acts(rnd *rand.Rand, kind int) (block []byte, values [perBlock]float64, sum float64) {
	d, size := scale(rnd)
	block = binary.LittleEndian.AppendUint16(nil, d)
	if kind == q8_1 {
		s, v := scale(rnd)
		block, sum = binary.LittleEndian.AppendUint16(block, s), v
	}
	for i := range values {
		q := rnd.IntN(255) - 127
		values[i] = size * float64(q)
		block = append(block, byte(int8(q)))
	}
	return block, values, sum
}

// TestPanelsComputeWhatTheFormatsSay compares with sums in double precision, taken
// from the layouts of ggml-common.h and not from ggml's code.
func TestPanelsComputeWhatTheFormatsSay(t *testing.T) {
	use(t)
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]int{q4_0, q4_1, q5_0, q5_1, q8_0}).Draw(t, "type")
		rows, cols := 8*rapid.IntRange(1, 6).Draw(t, "panels"), rapid.IntRange(1, 21).Draw(t, "cols")
		blocks, threads := rapid.IntRange(1, 9).Draw(t, "blocks"), rapid.IntRange(1, 4).Draw(t, "threads")
		p, want, size := product(kind, rows, cols, blocks, rapid.Uint64().Draw(t, "seed"))
		p.Threads, p.By = threads, rapid.SampledFrom(ways()).Draw(t, "by")
		got, ok := p.Compute()
		if !ok {
			t.Fatalf("%s: not computed", layouts[kind].name)
		}
		for i := range want {
			if off := math.Abs(float64(got[i]) - want[i]); !(off <= 1e-5*size[i]) {
				t.Fatalf("%s, row %d, column %d: %v, want %v", layouts[kind].name, i%rows, i/rows, got[i], want[i])
			}
		}
	})
}

// product returns random matrices, their product and the sums of its terms' sizes.
func product(kind, rows, cols, blocks int, seed uint64) (p Product, want, size []float64) {
	rnd, l := rand.New(rand.NewPCG(seed, 1)), layouts[kind]
	p = Product{Type: kind, Rows: rows, ActType: l.acts, Cols: cols, Blocks: blocks}
	w, x := make([][perBlock]float64, rows*blocks), make([][perBlock]float64, cols*blocks)
	mins, sums := make([]float64, rows*blocks), make([]float64, cols*blocks)
	for i := range w {
		block, values := l.weights(rnd)
		p.Weights, w[i], mins[i] = append(p.Weights, block...), values, l.smallest(block)
	}
	for i := range x {
		block, values, sum := acts(rnd, l.acts)
		p.Acts, x[i], sums[i] = append(p.Acts, block...), values, sum
	}
	want, size = make([]float64, cols*rows), make([]float64, cols*rows)
	for c := range cols {
		for r := range rows {
			for b := range blocks {
				add := func(v float64) {
					want[c*rows+r] += v
					size[c*rows+r] += math.Abs(v)
				}
				m := mins[r*blocks+b]
				for i := range perBlock {
					add((w[r*blocks+b][i] - m) * x[c*blocks+b][i])
				}
				add(m * sums[c*blocks+b])
			}
		}
	}
	return p, want, size
}

// smallest returns what is added to all weights of a block.
func (l layout) smallest(block []byte) float64 {
	if !l.min {
		return 0
	}
	bits := binary.LittleEndian.Uint16(block[2:])
	v := math.Ldexp(1, int(bits>>10&31)-15)
	if bits>>15 == 1 {
		return -v
	}
	return v
}

// TestPanelsAreGGMLToTheBit: what a request gets is what llama.cpp's own kernels
// compute, alone and among others, however many threads share the rows.
func TestPanelsAreGGMLToTheBit(t *testing.T) {
	use(t)
	plugin := filepath.Join(native, "libggml-cpu.so")
	if _, err := os.Stat(plugin); err != nil {
		t.Skip("a release: there is a plug-in for each CPU")
	}
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]int{q4_0, q4_1, q5_0, q5_1, q8_0}).Draw(t, "type")
		rows, cols := 8*rapid.IntRange(1, 6).Draw(t, "panels"), rapid.IntRange(1, 21).Draw(t, "cols")
		p, _, _ := product(kind, rows, cols, rapid.IntRange(1, 19).Draw(t, "blocks"), rapid.Uint64().Draw(t, "seed"))
		p.Threads, p.By = rapid.IntRange(1, 4).Draw(t, "threads"), rapid.SampledFrom(ways()).Draw(t, "by")
		want, ok := p.ByGGML(plugin)
		if !ok {
			t.Fatalf("ggml doesn't pair %s with type %d", layouts[kind].name, p.ActType)
		}
		if got, ok := p.Compute(); !ok || !slices.Equal(got, want) {
			t.Fatalf("%s: %v, want %v", layouts[kind].name, got, want)
		}
	})
}

func TestPanelsLeaveToGGMLWhatTheyDoNotKnow(t *testing.T) {
	use(t)
	const f16, q8_K = 1, 15
	for _, p := range []Product{
		{Type: q4_1, ActType: q8_0, Rows: 8, Cols: 2, Blocks: 1}, // Q4_1 needs the sums
		{Type: q4_1, ActType: q8_1, Rows: 9, Cols: 2, Blocks: 1}, // no whole panels
		{Type: q6_K, ActType: q8_K, Rows: 8, Cols: 2, Blocks: 1},
		{Type: f16, ActType: f16, Rows: 8, Cols: 2, Blocks: 1},
	} {
		p.Weights, p.Acts, p.Threads = make([]byte, 4096), make([]byte, 4096), 1
		if _, ok := p.Compute(); ok {
			t.Errorf("computed: %+v", []int{p.Type, p.ActType, p.Rows, p.Cols})
		}
	}
}

func TestAMissingLibraryIsNoError(t *testing.T) {
	if err := Load(filepath.Join(t.TempDir(), "none.so")); err != nil {
		t.Error(err)
	}
}

// use loads the library.
func use(t testing.TB) {
	t.Helper()
	if err := Load(filepath.Join(native, File)); err != nil {
		t.Fatal(err)
	}
	if Instructions() == "" {
		t.Skip("no kernels for this CPU")
	}
}

// ways are the instructions that this CPU has panels for, and "", the best of them.
func ways() []string {
	all := []string{""}
	for _, by := range []string{"AVX512-VNNI", "AVX-VNNI", "AVX2"} {
		p, _, _ := product(q4_0, 8, 1, 1, 1)
		p.Threads, p.By = 1, by
		if _, ok := p.Compute(); ok {
			all = append(all, by)
		}
	}
	return all
}

func BenchmarkPanels(b *testing.B) {
	use(b)
	for _, kind := range []int{q4_0, q4_1, q5_0, q5_1, q8_0} {
		for _, cols := range []int{1, 2, 4, 8, 16, 64} {
			const rows, blocks = 1024, 32
			p, _, _ := product(kind, rows, cols, blocks, 1)
			p.Threads = 1
			for _, p.By = range ways()[1:] {
				b.Run(fmt.Sprintf("%s/cols=%d/%s", layouts[kind].name, cols, p.By), func(b *testing.B) {
					for range b.N {
						p.Compute()
					}
					b.ReportMetric(2*float64(rows*cols*blocks*perBlock)*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gflop/s")
				})
			}
		}
	}
}
