package panels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// useAttention loads the library where the CPU has what attention needs.
func useAttention(t testing.TB) {
	t.Helper()
	use(t)
	if Instructions() != "AVX512-VNNI" {
		t.Skip("no attention of ours for this CPU")
	}
}

// half returns a random half-precision number between -2 and 2, and its value.
func half(rnd *rand.Rand) (uint16, float64) {
	e, m := rnd.IntN(8), rnd.IntN(1024)
	bits, value := uint16(15-e)<<10|uint16(m), math.Ldexp(1+float64(m)/1024, -e)
	if rnd.IntN(2) == 0 {
		return bits | 1<<15, -value
	}
	return bits, value
}

const (
	never = 0xfc00 // -Inf as a half: the mask forbids the cell
	nan   = 0x7e00
)

// attention is an Attention with its numbers in double precision.
type attention struct {
	Attention
	keys, values []float64
}

// random draws shapes and numbers, without a mask.
func random(t *rapid.T) *attention {
	rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	group := rapid.IntRange(1, 9).Draw(t, "group")
	a := &attention{Attention: Attention{
		Rows: rapid.IntRange(1, 70).Draw(t, "rows"), Cells: rapid.IntRange(257, 600).Draw(t, "cells"),
		KVHeads: rapid.IntRange(1, 3).Draw(t, "heads of keys"),
		KeyDim:  16 * rapid.IntRange(1, 8).Draw(t, "keys"), ValueDim: 16 * rapid.IntRange(1, 8).Draw(t, "values"),
		Threads: rapid.IntRange(1, 5).Draw(t, "threads"),
	}}
	a.Heads = group * a.KVHeads
	a.Threads = min(a.Threads, a.Rows*a.Heads)
	a.Scale = float32(1 / math.Sqrt(float64(a.KeyDim)))
	for range a.Rows * a.Heads * a.KeyDim {
		_, v := half(rnd)
		a.Queries = append(a.Queries, float32(v))
	}
	fill := func(n int) (bits []uint16, values []float64) {
		for range n {
			b, v := half(rnd)
			bits, values = append(bits, b), append(values, v)
		}
		return bits, values
	}
	a.Keys, a.keys = fill(a.Cells * a.KVHeads * a.KeyDim)
	a.Values, a.values = fill(a.Cells * a.KVHeads * a.ValueDim)
	return a
}

// allow makes a mask of the cells that each row attends to.
func (a *attention) allow(attends func(row, cell int) bool) {
	a.Mask = make([]uint16, a.Rows*a.Cells)
	for i := range a.Mask {
		if !attends(i/a.Cells, i%a.Cells) {
			a.Mask[i] = never
		}
	}
}

// masks are the ways in which a cache is shared, each as a rule for rows and cells.
var masks = map[string]func(t *rapid.T, a *attention) func(row, cell int) bool{
	"one sequence": func(_ *rapid.T, a *attention) func(row, cell int) bool {
		return func(row, cell int) bool { return cell <= a.Cells-a.Rows+row }
	},
	"a window": func(t *rapid.T, a *attention) func(row, cell int) bool {
		window := rapid.IntRange(1, a.Cells).Draw(t, "window")
		return func(row, cell int) bool {
			last := a.Cells - a.Rows + row
			return cell <= last && cell > last-window
		}
	},
	"sequences that share a prefix": func(t *rapid.T, a *attention) func(row, cell int) bool {
		prefix := rapid.IntRange(0, a.Cells).Draw(t, "prefix")
		return func(row, cell int) bool { return cell < prefix || cell%a.Rows == row }
	},
	"scattered cells": func(t *rapid.T, a *attention) func(row, cell int) bool {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "scatter"), 2))
		share := rapid.Float64Range(0, 1).Draw(t, "share")
		picked := make([]bool, a.Rows*a.Cells)
		for i := range picked {
			picked[i] = rnd.Float64() < share
		}
		return func(row, cell int) bool { return picked[row*a.Cells+cell] }
	},
}

// want computes one row's head in double precision, and the largest value that it weighs.
func (a *attention) want(row, head int) (out []float64, size float64) {
	kv := head / (a.Heads / a.KVHeads)
	out = make([]float64, a.ValueDim)
	scores, top := make([]float64, a.Cells), math.Inf(-1)
	for c := range scores {
		scores[c] = math.Inf(-1)
		if a.Mask == nil || a.Mask[row*a.Cells+c] != never {
			scores[c] = 0
			for d := range a.KeyDim {
				scores[c] += float64(a.Queries[(row*a.Heads+head)*a.KeyDim+d]) * a.keys[(c*a.KVHeads+kv)*a.KeyDim+d]
			}
			scores[c] *= float64(a.Scale)
			top = max(top, scores[c])
		}
	}
	var sum float64
	for c, s := range scores {
		if math.IsInf(s, -1) {
			continue
		}
		w := math.Exp(s - top)
		sum += w
		for d := range out {
			v := a.values[(c*a.KVHeads+kv)*a.ValueDim+d]
			out[d] += w * v
			size = max(size, math.Abs(v))
		}
	}
	for d := range out {
		if sum > 0 {
			out[d] /= sum
		}
	}
	return out, size
}

// check compares all answers with those in double precision.
func (a *attention) check(t *rapid.T) {
	got, ok := a.Compute()
	if !ok {
		t.Fatal("not computed")
	}
	for row := range a.Rows {
		for head := range a.Heads {
			want, size := a.want(row, head)
			for d, w := range want {
				if g := float64(got[(row*a.Heads+head)*a.ValueDim+d]); !(math.Abs(g-w) <= 1e-5*size) {
					t.Fatalf("row %d, head %d, value %d: %v, want %v", row, head, d, g, w)
				}
			}
		}
	}
}

// TestAttentionIsSoftmax: whatever rows and cells have to do with each other, every row
// gets the weighted mean of the cells that it attends to, and nothing where there are none.
func TestAttentionIsSoftmax(t *testing.T) {
	useAttention(t)
	for name, rule := range masks {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				a := random(t)
				a.allow(rule(t, a))
				a.check(t)
			})
		})
	}
	t.Run("no mask", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) { random(t).check(t) })
	})
}

// TestAttentionTouchesNoOthersCells: what isn't a number in a cell reaches the rows that
// attend to it, and no others, though they are computed together.
func TestAttentionTouchesNoOthersCells(t *testing.T) {
	useAttention(t)
	rapid.Check(t, func(t *rapid.T) {
		a := random(t)
		cell, from := rapid.IntRange(0, a.Cells-1).Draw(t, "cell"), rapid.IntRange(0, a.Rows).Draw(t, "from")
		a.allow(func(row, c int) bool { return c != cell || row >= from })
		sound, _ := a.Compute()
		sick := a.Values
		if rapid.Bool().Draw(t, "in the keys") {
			sick = a.Keys
		}
		dim := len(sick) / a.Cells / a.KVHeads
		for kv := range a.KVHeads {
			sick[(cell*a.KVHeads+kv)*dim] = nan
		}
		got, _ := a.Compute()
		for i, g := range got {
			row, value := i/a.ValueDim/a.Heads, i%a.ValueDim
			switch {
			case row < from && !(math.Abs(float64(g-sound[i])) <= 1e-5):
				t.Fatalf("row %d, which doesn't attend to cell %d: %v, was %v", row, cell, g, sound[i])
			case row >= from && value == 0 && g == g:
				t.Fatalf("row %d attends to cell %d and shows %v", row, cell, g)
			}
		}
	})
}

func TestAttentionLeavesToGGML(t *testing.T) {
	useAttention(t)
	for what, change := range map[string]func(a *Attention){
		"short contexts":                      func(a *Attention) { a.Cells = 256 },
		"more threads than there are queries": func(a *Attention) { a.Threads = 2 },
	} {
		a := Attention{
			Rows: 1, Cells: 300, Heads: 1, KVHeads: 1, KeyDim: 64, ValueDim: 64, Scale: 1, Threads: 1,
			Queries: make([]float32, 64), Keys: make([]uint16, 300*64), Values: make([]uint16, 300*64),
		}
		if _, ok := a.Compute(); !ok {
			t.Fatal("a plain attention isn't computed")
		}
		change(&a)
		if _, ok := a.Compute(); ok {
			t.Errorf("%s: computed", what)
		}
	}
}

// BenchmarkAttention tells the time of a row, head and cell: one thread, SmolLM2's and
// gemma-3's heads.
func BenchmarkAttention(b *testing.B) {
	useAttention(b)
	for _, heads := range []Attention{{Heads: 9, KVHeads: 3, KeyDim: 64, ValueDim: 64}, {Heads: 4, KVHeads: 1, KeyDim: 256, ValueDim: 256}} {
		for _, rows := range []int{1, 8, 64, 256} {
			a := heads
			a.Rows, a.Cells, a.Threads, a.Scale = rows, 1024, 1, 0.1
			a.Queries, a.Mask = make([]float32, rows*a.Heads*a.KeyDim), make([]uint16, rows*a.Cells)
			a.Keys, a.Values = make([]uint16, a.Cells*a.KVHeads*a.KeyDim), make([]uint16, a.Cells*a.KVHeads*a.ValueDim)
			b.Run(fmt.Sprintf("heads=%dx%d/rows=%d", a.Heads, a.KeyDim, rows), func(b *testing.B) {
				for range b.N {
					a.Compute()
				}
				b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N*a.Rows*a.Heads*a.Cells), "ns/cell")
			})
		}
	}
}
