package panels

// #include "panels.h"
import "C"

import (
	"math"
	"runtime"
	"unsafe"
)

// Attention is what the kernels compute: softmax(scale · Q · Kᵀ + mask) · V for each
// head, over a cache of half-precision numbers, as ggml's GGML_OP_FLASH_ATTN_EXT.
type Attention struct {
	Rows, Cells      int
	Heads, KVHeads   int // heads of the queries share those of the keys in groups
	KeyDim, ValueDim int
	Scale            float32
	Queries          []float32 // [Rows][Heads][KeyDim]
	Keys, Values     []uint16  // halves, [Cells][KVHeads][KeyDim or ValueDim]
	Mask             []uint16  // halves, [Rows][Cells]; nil: every row attends to all cells
	Threads          int       // as many shares, computed one after the other
}

// Compute returns [Rows][Heads][ValueDim], or false where the kernels don't take it. It
// is how tests and benchmarks reach them without ggml.
func (a Attention) Compute() ([]float32, bool) {
	out := make([]float32, a.Rows*a.Heads*a.ValueDim)
	untouched := float32(math.Inf(-1)) // what no sum of finite values is
	for i := range out {
		out[i] = untouched
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	at := func(p *uint16) unsafe.Pointer {
		pin.Pin(p)
		return unsafe.Pointer(p)
	}
	c := C.struct_mb_attention{
		rows: C.int64_t(a.Rows), cells: C.int64_t(a.Cells), heads: C.int64_t(a.Heads), kv_heads: C.int64_t(a.KVHeads),
		key_dim: C.int64_t(a.KeyDim), value_dim: C.int64_t(a.ValueDim), scale: C.float(a.Scale), nth: C.int(a.Threads),
		keys: at(&a.Keys[0]), values: at(&a.Values[0]),
	}
	pin.Pin(&a.Queries[0])
	pin.Pin(&out[0])
	c.queries, c.out = (*C.float)(&a.Queries[0]), (*C.float)(&out[0])
	if a.Mask != nil {
		c.mask = at(&a.Mask[0])
	}
	for i := range a.Threads {
		c.ith = C.int(i)
		if !C.mb_panels_attend(&c) {
			return nil, false
		}
	}
	return out, out[0] != untouched
}
