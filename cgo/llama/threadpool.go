package llama

// #include "shim.h"
import "C"

import (
	"fmt"
	"sync/atomic"
)

// threadpools keep ggml's worker threads alive between graphs. Without them,
// and without OpenMP, every graph would start threads of its own.
type threadpools struct {
	decode *C.struct_ggml_threadpool // for batches of one row
	batch  *C.struct_ggml_threadpool // for the others; nil when decode serves both
	users  atomic.Int32              // contexts
}

// newThreadpools makes one pool, or two when their sizes differ: a pool must
// have exactly as many threads as the graph asks for.
func newThreadpools(p ContextParams) (*threadpools, error) {
	if p.Beside != nil {
		p.Beside.pools.users.Add(1)
		return p.Beside.pools, nil
	}
	t := &threadpools{}
	t.users.Store(1)
	two := p.Threads != p.ThreadsBatch
	if two {
		t.batch = C.mb_threadpool_new(C.int(p.ThreadsBatch), C.int(p.Poll), false)
	}
	t.decode = C.mb_threadpool_new(C.int(p.Threads), C.int(p.Poll), C.bool(two))
	if t.decode == nil || (two && t.batch == nil) {
		t.release()
		return nil, fmt.Errorf("thread pools of %d and %d threads: %w", p.Threads, p.ThreadsBatch, ErrFatal)
	}
	return t, nil
}

func (t *threadpools) attach(x *C.struct_llama_context) {
	C.llama_attach_threadpool(x, t.decode, t.batch)
}

// release ends the threads when the last context that uses them is gone. A
// context that got none may call it too.
func (t *threadpools) release() {
	if t == nil || t.users.Add(-1) > 0 {
		return
	}
	for _, pool := range []*C.struct_ggml_threadpool{t.decode, t.batch} {
		if pool != nil {
			C.mb_threadpool_free(pool)
		}
	}
}
