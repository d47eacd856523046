package rows

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

var nan, inf = float32(math.NaN()), float32(math.Inf(1))

// draw returns rows of up to several blocks: smooth, with equal logits, forbidden
// ones or broken ones, and with some blocks replaced.
func draw(t *rapid.T) *Row {
	random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "noise"), 0))
	spread := rapid.Float64Range(0, 40).Draw(t, "spread")
	r := &Row{Logits: make([]float32, rapid.IntRange(0, 5*Block+3).Draw(t, "vocab"))}
	odd := rapid.SampledFrom([][]float32{nil, nil, {minusInf}, {3, -3, 0}, {minusInf, nan}, {inf}, {math.MaxFloat32, -math.MaxFloat32}}).Draw(t, "odd")
	some := rapid.IntRange(2, 300).Draw(t, "one in")
	for i := range r.Logits {
		r.Logits[i] = float32(random.NormFloat64() * spread)
		if len(odd) > 0 && random.IntN(some) == 0 {
			r.Logits[i] = odd[random.IntN(len(odd))]
		}
	}
	if rapid.Bool().Draw(t, "copies") {
		r.copySome(random)
	}
	return r
}

func (r *Row) copySome(random *rand.Rand) {
	at := make([]int32, r.Blocks())
	for b := range at {
		if random.IntN(2) == 0 {
			at[b] = int32(1 + len(r.Copies))
			r.Copies = append(r.Copies, r.Block(b)...)
			r.Copies[at[b]-1] = 50
		}
	}
	r.CopyAt = at
}

func bits[F float32 | float64](t *rapid.T, what string, got, want []F) {
	for i := range want {
		if got[i] != want[i] && (got[i] == got[i] || want[i] == want[i]) {
			t.Fatalf("%s of block %d: got %v, want %v", what, i, got[i], want[i])
		}
	}
}

func TestEachPassIsTheReferenceToTheLastBit(t *testing.T) {
	for pass := range passes {
		t.Run(passName(pass), func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { sameAsReference(t, pass) }) })
	}
}

func sameAsReference(t *rapid.T, pass int) {
	r, scale := draw(t), rapid.SampledFrom([]float64{1e-6, 0.1, math.Log2E, 7, 1e5}).Draw(t, "scale")
	n := r.Blocks()
	peaks, want := make([]float32, n), make([]float32, n)
	sums, wantSums := make([]float64, n), make([]float64, n)
	got, top := measureBy(pass, r, scale, peaks, sums), measureGo(r, scale, want, wantSums)
	bits(t, "top", []float32{got}, []float32{top})
	if top != top {
		return
	}
	bits(t, "peak", peaks, want)
	bits(t, "sum", sums, wantSums)
	if got := measureBy(pass, r, scale, peaks, nil); got != top {
		t.Fatalf("without sums the top is %v, want %v", got, top)
	}
}

// The reference itself, by the book.
func TestMeasureIsRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, scale := draw(t), rapid.Float64Range(0.01, 20).Draw(t, "scale")
		peaks, sums := make([]float32, r.Blocks()), make([]float64, r.Blocks())
		top := Measure(r, scale, peaks, sums)
		want := minusInf
		for _, x := range whole(r) {
			if x != x || x == inf {
				x = nan
			}
			want = max(want, x)
		}
		bits(t, "top", []float32{top}, []float32{want})
		for b := range sums {
			sum := 0.0
			for _, x := range r.Block(b) {
				sum += math.Exp2((float64(x) - float64(peaks[b])) * scale)
			}
			if top == top && sums[b] != 0 && !(math.Abs(sums[b]/sum-1) < 6e-9) {
				t.Fatalf("sum of block %d: got %v, want %v", b, sums[b], sum)
			}
		}
	})
}

func whole(r *Row) (logits []float32) {
	for b := range r.Blocks() {
		logits = append(logits, r.Block(b)...)
	}
	return logits
}

func TestExp2IsAccurate(t *testing.T) {
	for y := 0.0; y > -990; y -= 0.00137 {
		if got, want := Exp2(y), math.Exp2(y); math.Abs(got/want-1) > 6e-9 {
			t.Fatalf("2^%g: got %g, want %g", y, got, want)
		}
	}
}

func TestExp2AtTheEnds(t *testing.T) {
	for _, c := range []struct{ y, want float64 }{
		{0, 1}, {math.Copysign(0, -1), 1}, {-1, 0.5}, {-1001, 0}, {-1e300, 0}, {math.Inf(-1), 0}, {math.NaN(), 0},
	} {
		if got := Exp2(c.y); got != c.want {
			t.Errorf("2^%g: got %g, want %g", c.y, got, c.want)
		}
	}
}

func TestOneBrokenLogitAnywhereIsFound(t *testing.T) {
	for _, bad := range []float32{nan, inf, math.Float32frombits(0xffc00000)} {
		for at := range 2*Block + 5 {
			r := &Row{Logits: make([]float32, 2*Block+5)}
			r.Logits[at] = bad
			if top := Measure(r, 1, make([]float32, 3), nil); top == top {
				t.Fatalf("%v at %d: top %v", bad, at, top)
			}
		}
	}
}

func BenchmarkMeasure(b *testing.B) {
	for _, vocab := range []int{49152, 262144} {
		random := rand.New(rand.NewPCG(1, 1))
		r := &Row{Logits: make([]float32, vocab)}
		for i := range r.Logits {
			r.Logits[i] = float32(random.NormFloat64() * 3)
		}
		peaks, sums := make([]float32, r.Blocks()), make([]float64, r.Blocks())
		run := func(name string, f func(sums []float64)) {
			b.Run(fmt.Sprintf("vocab=%d/%s/peaks", vocab, name), func(b *testing.B) {
				for b.Loop() {
					f(nil)
				}
			})
			b.Run(fmt.Sprintf("vocab=%d/%s/sums", vocab, name), func(b *testing.B) {
				for b.Loop() {
					f(sums)
				}
			})
		}
		run("reference", func(sums []float64) { measureGo(r, math.Log2E, peaks, sums) })
		for pass := range passes {
			run(passName(pass), func(sums []float64) { measureBy(pass, r, math.Log2E, peaks, sums) })
		}
	}
}
