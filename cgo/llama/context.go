package llama

/*
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"cmp"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// MaxSeqs is how many sequences a context can hold at most.
const MaxSeqs = 256

// Context computes with a model and remembers its sequences (llama_context).
// One goroutine owns it; Abort alone may be called from any.
type Context struct {
	c       *C.struct_llama_context
	model   *Model
	pools   *threadpools
	threads [2]int // of one row, of more
	abort   abortFlag
	rows    int // of one batch
	seqs    int
	outputs int // rows of a batch that may want logits
	vocab   int
	unified bool
	leak    runtime.Cleanup
}

// NewContext allocates the KV cache and the graphs. Errors: ErrInvalid,
// ErrClosed, and llama.cpp's own reason, out of memory for one.
func NewContext(m *Model, p ContextParams) (*Context, error) {
	x, err := newContext(m, p)
	if err != nil {
		return nil, fmt.Errorf("llama: context of %d cells on %s: %w", p.Cells, m.name, err)
	}
	_, file, line, _ := runtime.Caller(1)
	x.leak = runtime.AddCleanup(x, reportLeak, fmt.Sprintf("llama: context opened at %s:%d was never closed", file, line))
	return x, nil
}

func newContext(m *Model, p ContextParams) (*Context, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if !m.hold() {
		return nil, fmt.Errorf("model %s: %w", m.name, ErrClosed)
	}
	x := &Context{model: m, rows: p.Rows, seqs: p.Seqs, outputs: p.outputs(), vocab: m.Vocab().NTokens(), unified: p.Unified, threads: [2]int{p.Threads, p.ThreadsBatch}}
	if err := x.open(p); err != nil {
		x.free()
		return nil, err
	}
	return x, nil
}

func (x *Context) open(p ContextParams) (err error) {
	x.abort.c = (*C.int32_t)(C.malloc(C.sizeof_int32_t))
	x.abort.set(0)
	loading.Lock()
	defer loading.Unlock()
	lines := nativeLog.catch(func() { x.c = C.mb_context_new(x.model.c, p.c(), x.abort.c) })
	if x.c == nil {
		return &nativeError{lines}
	}
	if x.pools, err = newThreadpools(p); err != nil {
		return err
	}
	x.pools.attach(x.c)
	return nil
}

// lends tells whether a context of these parameters can compute on the threads of x.
func (x *Context) lends(p ContextParams) bool {
	return x.c != nil && x.threads == [2]int{p.Threads, p.ThreadsBatch}
}

// Decode computes a batch. ErrNoSlot and ErrInvalid leave memory as it was;
// after ErrAborted and ErrFatal ask Memory what is there.
func (x *Context) Decode(b *Batch) error {
	if x.c == nil {
		return fmt.Errorf("llama: decode: %w", ErrClosed)
	}
	if err := b.check(x); err != nil {
		return fmt.Errorf("llama: decode: %w", err)
	}
	x.abort.set(0)
	if code := int32(C.mb_decode(x.c, b.c)); code != 0 {
		return fmt.Errorf("llama: decode %d rows: %w (code %d)", b.Len(), cmp.Or(decodeErrors[code], ErrFatal), code)
	}
	return nil
}

// Logits returns the scores of a row of the last batch that asked for output,
// shape [n_vocab]: C memory, valid until the next Decode. Nil for any other row.
func (x *Context) Logits(row int) []float32 {
	if x.c == nil || row < 0 {
		return nil
	}
	p := C.llama_get_logits_ith(x.c, C.int32_t(row))
	if p == nil {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(p)), x.vocab)
}

// Abort makes the Decode that runs now return ErrAborted, as soon as the
// current operation of its graph is done; CPU only. The next Decode starts
// afresh. Safe from any goroutine, also after Close.
func (x *Context) Abort() { x.abort.set(1) }

// NCtx returns the KV cells that there are, rounded up from those asked for.
func (x *Context) NCtx() int { return int(C.llama_n_ctx(x.c)) }

// NSeqMax returns the number of sequences.
func (x *Context) NSeqMax() int { return x.seqs }

// Memory returns the sequences, valid until Close.
func (x *Context) Memory() Memory {
	return Memory{c: C.llama_get_memory(x.c), seqs: x.seqs, unified: x.unified}
}

// Close frees the context and ends its threads. A second call does nothing.
func (x *Context) Close() {
	if x.c == nil {
		return
	}
	x.leak.Stop()
	x.free()
}

// free gives back what open got, in the other direction.
func (x *Context) free() {
	if x.c != nil {
		C.llama_free(x.c)
		x.c = nil
	}
	x.pools.release()
	x.pools = nil
	x.abort.free()
	x.model.release()
}

// abortFlag is an int32 in C memory that the computing threads poll.
type abortFlag struct {
	mu sync.Mutex // set must not meet free
	c  *C.int32_t
}

func (f *abortFlag) set(v int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.c != nil {
		atomic.StoreInt32((*int32)(unsafe.Pointer(f.c)), v)
	}
}

func (f *abortFlag) free() {
	f.mu.Lock()
	defer f.mu.Unlock()
	C.free(unsafe.Pointer(f.c))
	f.c = nil
}
