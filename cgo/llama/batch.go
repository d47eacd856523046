package llama

/*
#include <stdlib.h>
#include "llama.h"
*/
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"
)

// Batch is what one Decode computes (llama_batch). It lies in C memory that Go
// writes directly, so Add costs no call into C and allocates nothing.
type Batch struct {
	c       C.struct_llama_batch
	token   []Token // C memory, as long as the batch can get; so are the next three
	pos     []Pos
	seq     []SeqID
	output  []bool
	outputs int // rows that want logits
	leak    runtime.Cleanup
}

// NewBatch makes an empty batch for up to that many rows, at least one.
func NewBatch(rows int) *Batch {
	b := &Batch{}
	b.c.token = (*C.llama_token)(array(rows, 4))
	b.c.pos = (*C.llama_pos)(array(rows, 4))
	b.c.n_seq_id = (*C.int32_t)(array(rows, 4))
	b.c.seq_id = (**C.llama_seq_id)(array(rows, unsafe.Sizeof(uintptr(0))))
	b.c.logits = (*C.int8_t)(array(rows, 1))
	seq := array(rows, 4)
	b.token = unsafe.Slice((*Token)(unsafe.Pointer(b.c.token)), rows)
	b.pos = unsafe.Slice((*Pos)(unsafe.Pointer(b.c.pos)), rows)
	b.seq = unsafe.Slice((*SeqID)(seq), rows)
	b.output = unsafe.Slice((*bool)(unsafe.Pointer(b.c.logits)), rows)
	b.oneSeqPerRow(rows)
	_, file, line, _ := runtime.Caller(1)
	b.leak = runtime.AddCleanup(b, reportLeak, fmt.Sprintf("llama: batch opened at %s:%d was never closed", file, line))
	return b
}

// array is zeroed: where Go writes a pointer, the collector looks at the one that it
// replaces (cgo's rules on passing pointers), and what malloc leaves may look like one
// into Go's heap.
func array(n int, size uintptr) unsafe.Pointer { return C.calloc(C.size_t(n), C.size_t(size)) }

// oneSeqPerRow points every row at its place in b.seq, once and for all.
func (b *Batch) oneSeqPerRow(rows int) {
	counts := unsafe.Slice(b.c.n_seq_id, rows)
	lists := unsafe.Slice(b.c.seq_id, rows)
	for i := range rows {
		counts[i] = 1
		lists[i] = (*C.llama_seq_id)(unsafe.Pointer(&b.seq[i]))
	}
}

// Add appends a row; output asks for its logits. It panics when the batch is full.
func (b *Batch) Add(t Token, pos Pos, seq SeqID, output bool) {
	i := b.c.n_tokens
	b.token[i], b.pos[i], b.seq[i], b.output[i] = t, pos, seq, output
	b.c.n_tokens++
	if output {
		b.outputs++
	}
}

// Clear empties the batch.
func (b *Batch) Clear() { b.c.n_tokens, b.outputs = 0, 0 }

// Len returns the rows so far.
func (b *Batch) Len() int { return int(b.c.n_tokens) }

// Cap returns the rows that fit.
func (b *Batch) Cap() int { return len(b.token) }

// check finds what llama.cpp would answer with a failed assertion.
func (b *Batch) check(x *Context) error {
	switch {
	case b.Len() > x.rows:
		return fmt.Errorf("%d rows in a context for %d: %w", b.Len(), x.rows, ErrInvalid)
	case b.outputs > x.outputs:
		return fmt.Errorf("%d outputs in a context for %d: %w", b.outputs, x.outputs, ErrInvalid)
	}
	for i, s := range b.seq[:b.Len()] {
		if s < 0 || int(s) >= x.seqs {
			return fmt.Errorf("row %d is of sequence %d in a context for %d: %w", i, s, x.seqs, ErrInvalid)
		}
	}
	return nil
}

// Close frees the batch. A second call does nothing.
func (b *Batch) Close() {
	if b.token == nil {
		return
	}
	b.leak.Stop()
	C.free(unsafe.Pointer(&b.seq[0]))
	for _, p := range []unsafe.Pointer{
		unsafe.Pointer(b.c.token), unsafe.Pointer(b.c.pos), unsafe.Pointer(b.c.n_seq_id),
		unsafe.Pointer(b.c.seq_id), unsafe.Pointer(b.c.logits),
	} {
		C.free(p)
	}
	b.c, b.token, b.pos, b.seq, b.output = C.struct_llama_batch{}, nil, nil, nil, nil
}
