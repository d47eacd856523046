//go:build cgo

package rows

// -std=c11 keeps GCC from fusing products with sums: results are those of Go.
// -Wno-psabi: vectors are passed only where calls are inlined.

// #cgo CFLAGS: -std=c11 -O3 -Wno-psabi
// #cgo noescape mb_measure
// #cgo nocallback mb_measure
// #include "rows.h"
import "C"

import "unsafe"

// passes are those that this processor can run, the fastest last.
var passes = int(C.mb_passes())

func measure(r *Row, scale float64, peaks []float32, sums []float64) float32 {
	return measureBy(passes-1, r, scale, peaks, sums)
}

func measureBy(pass int, r *Row, scale float64, peaks []float32, sums []float64) float32 {
	_ = peaks[:r.Blocks()]
	if sums != nil {
		_ = sums[:r.Blocks()]
	}
	return float32(C.mb_measure(C.int(pass), floats(r.Logits), C.int32_t(len(r.Logits)), floats(r.Copies), ints(r.CopyAt),
		C.double(scale), floats(peaks), (*C.double)(unsafe.SliceData(sums))))
}

func passName(pass int) string { return C.GoString(C.mb_pass_name(C.int(pass))) }

func floats(s []float32) *C.float { return (*C.float)(unsafe.SliceData(s)) }

func ints(s []int32) *C.int32_t { return (*C.int32_t)(unsafe.SliceData(s)) }
