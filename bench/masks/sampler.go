//go:build cgo

// Package masks measures what a mask costs, beside llama.cpp's own grammar sampler.
//
// Owns: a binding of that sampler, for the comparison alone.
// Must not import: anything of Moltbot; its benchmarks do.
// Flow: go test -bench . ./bench/masks; docs/benchmarks/masks.md has the results.
package masks

// #cgo CPPFLAGS: -I${SRCDIR}/../../build/native/include
// #cgo LDFLAGS: -L${SRCDIR}/../../build/native/lib -lllama -lggml -lggml-base -ldl
// #cgo LDFLAGS: -Wl,-rpath,${SRCDIR}/../../build/native/lib
// #include <stdlib.h>
// #include "llama.h"
// // A row as before sampling: every token, no preference.
// static void mb_row(llama_token_data *row, int n) {
//     for (int i = 0; i < n; i++) row[i] = (llama_token_data){ .id = i };
// }
// static void mb_apply(struct llama_sampler *s, llama_token_data *row, size_t n) {
//     llama_token_data_array a = { .data = row, .size = n, .selected = -1 };
//     llama_sampler_apply(s, &a);
// }
import "C"

import (
	"errors"
	"unsafe"
)

// sampler is llama.cpp's grammar sampler.
type sampler struct {
	c   *C.struct_llama_sampler
	row []C.llama_token_data
}

// newSampler takes a *llama_vocab of n tokens and a GBNF.
func newSampler(vocab unsafe.Pointer, n int, gbnf string) (*sampler, error) {
	src, root := C.CString(gbnf), C.CString("root")
	defer C.free(unsafe.Pointer(src))
	defer C.free(unsafe.Pointer(root))
	c := C.llama_sampler_init_grammar((*C.struct_llama_vocab)(vocab), src, root)
	if c == nil {
		return nil, errors.New("llama.cpp does not take the grammar")
	}
	return &sampler{c: c, row: make([]C.llama_token_data, n)}, nil
}

// clear makes a row in which every token may come.
func (s *sampler) clear() { C.mb_row(&s.row[0], C.int(len(s.row))) }

// apply gives -Inf to the tokens that may not come; call clear before.
func (s *sampler) apply() { C.mb_apply(s.c, &s.row[0], C.size_t(len(s.row))) }

func (s *sampler) accept(token int32) { C.llama_sampler_accept(s.c, C.llama_token(token)) }
func (s *sampler) reset()             { C.llama_sampler_reset(s.c) }
func (s *sampler) close()             { C.llama_sampler_free(s.c) }
