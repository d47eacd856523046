// Package panels owns the kernels of our own: cgo/native/panels, a library that takes
// over ggml's products of quantized weights and its attention on CPUs for which it has
// a faster way (docs/adr/0013-kernels.md, docs/adr/0014-attention.md).
//
// It imports nothing of Moltbot. cgo/llama loads the library before ggml's plug-ins,
// so that they find its functions before their own; from then on all goes by itself.
// What the kernels don't take they hand on to ggml.
package panels

/*
#cgo CPPFLAGS: -I${SRCDIR}/../../build/native/include
#cgo LDFLAGS: -ldl
#include "panels.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"unsafe"
)

// File is the library's place, seen from the folder of llama.cpp's libraries.
const File = "../panels/libmoltbot-panels.so"

// Load makes the library in that file part of the program, for all plug-ins that are
// loaded from then on. Without such a file, as on systems other than Linux on x86-64,
// it does nothing.
func Load(file string) error {
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	path := C.CString(file)
	defer C.free(unsafe.Pointer(path))
	if why := C.mb_panels_load(path); why != nil {
		return fmt.Errorf("panels: %s", C.GoString(why))
	}
	return nil
}

// Instructions names what the kernels use of this CPU; "" where none are in use.
func Instructions() string { return C.GoString(C.mb_panels_instructions()) }

// Product is what the kernels compute: C = A · Bᵀ, in ggml's types.
type Product struct {
	Type    int    // ggml's number of the weights' type
	Weights []byte // [Rows][Blocks] blocks of Type
	Rows    int    // of the weights
	Acts    []byte // [Cols][Blocks] blocks of Q8_0, Q8_1 or Q8_K
	ActType int    // ggml's number of their type
	Cols    int
	Blocks  int    // of 32 weights in a row; of 256 for K formats
	Threads int    // as many shares, computed one after the other
	By      string // instructions to use, as Instructions names them; "": the best
}

// Compute returns [Cols][Rows] sums, or false where the kernels don't take it. It is
// how tests and benchmarks reach them without ggml.
func (p Product) Compute() ([]float32, bool) {
	by := C.CString(p.By)
	defer C.free(unsafe.Pointer(by))
	out := make([]float32, p.Cols*p.Rows)
	ok := true
	for i := range p.Threads {
		ok = ok && bool(C.mb_panels_multiply(by, C.int(i), C.int(p.Threads), C.int64_t(p.Rows), C.int64_t(p.Cols), C.int64_t(p.Blocks),
			unsafe.Pointer(&p.Weights[0]), unsafe.Pointer(&p.Acts[0]), (*C.float)(&out[0]), C.int(p.Type), C.int(p.ActType)))
	}
	return out, ok
}

// ByGGML computes the same with the dot products of ggml's CPU plug-in in that file,
// row by row and column by column; false: it has none for these types.
func (p Product) ByGGML(plugin string) ([]float32, bool) {
	file := C.CString(plugin)
	defer C.free(unsafe.Pointer(file))
	out := make([]float32, p.Cols*p.Rows)
	row, col := len(p.Weights)/p.Rows, len(p.Acts)/p.Cols
	for i := range out {
		if !C.mb_ggml_dot(file, C.int(p.Blocks*32), unsafe.Pointer(&p.Weights[i%p.Rows*row]), unsafe.Pointer(&p.Acts[i/p.Rows*col]),
			(*C.float)(&out[i]), C.int(p.Type), C.int(p.ActType)) {
			return nil, false
		}
	}
	return out, true
}
