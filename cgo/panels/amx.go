package panels

// #include "panels.h"
import "C"

import "unsafe"

// ByAMX computes the product with weights that ggml's CPU plug-in in that file repacks
// for AMX; false: there is no AMX, or the type isn't computed here. Rows must be a
// multiple of 32.
func (p Product) ByAMX(plugin string) ([]float32, bool) {
	weights, ok := p.pack(plugin)
	if !ok {
		return nil, false
	}
	return p.packed(weights)
}

// values returns how many weights a block has.
func (p Product) values() int {
	const q4K, q6K = 12, 14 // Q5_K lies between
	if p.Type >= q4K && p.Type <= q6K {
		return 256
	}
	return 32
}

// pack returns the weights as ggml repacks them.
func (p Product) pack(plugin string) ([]byte, bool) {
	file := C.CString(plugin)
	defer C.free(unsafe.Pointer(file))
	out := make([]byte, 2*len(p.Weights)) // Q8_0 takes an eighth more
	ok := C.mb_amx_pack(file, C.int(p.Type), C.int64_t(p.Rows), C.int64_t(p.Blocks), C.int64_t(p.values()), unsafe.Pointer(&p.Weights[0]), C.size_t(len(p.Weights)), unsafe.Pointer(&out[0]))
	return out, bool(ok)
}

// packed computes the product with such weights.
func (p Product) packed(weights []byte) ([]float32, bool) {
	out := make([]float32, p.Cols*p.Rows)
	for i := range p.Threads {
		if !C.mb_amx_multiply(C.int(i), C.int(p.Threads), C.int(p.Type), C.int64_t(p.Rows), C.int64_t(p.Cols), C.int64_t(p.Blocks),
			unsafe.Pointer(&weights[0]), unsafe.Pointer(&p.Acts[0]), (*C.float)(&out[0])) {
			return nil, false
		}
	}
	return out, true
}
