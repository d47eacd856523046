package llama

// #include "shim.h"
import "C"

import "fmt"

// KVType is the number format of K or V cells.
type KVType int

const (
	KVF16 KVType = iota
	KVBF16
	KVF32
	KVQ8
	KVQ4
)

var kvTypes = map[KVType]C.enum_ggml_type{
	KVF16: C.GGML_TYPE_F16, KVBF16: C.GGML_TYPE_BF16, KVF32: C.GGML_TYPE_F32,
	KVQ8: C.GGML_TYPE_Q8_0, KVQ4: C.GGML_TYPE_Q4_0,
}

// FlashAttn says whether attention is computed in one fused operation.
type FlashAttn int

const (
	FlashAuto FlashAttn = iota // where the device can
	FlashOn                    // quantised V cells need it
	FlashOff
)

var flashTypes = map[FlashAttn]C.enum_llama_flash_attn_type{
	FlashAuto: C.LLAMA_FLASH_ATTN_TYPE_AUTO,
	FlashOn:   C.LLAMA_FLASH_ATTN_TYPE_ENABLED,
	FlashOff:  C.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}

// ContextParams is the size and the shape of a context.
type ContextParams struct {
	Cells        int // KV cells of all sequences together
	Rows         int // of one batch, at most Cells
	Seqs         int // sequences, 1 to MaxSeqs
	Outputs      int // rows of one batch that may want logits; 0: all. Raised to Seqs
	Threads      int // for a batch of one row
	ThreadsBatch int // for all other batches
	Poll         int // how hard idle threads spin for work, 0 (they sleep) to 100
	TypeK, TypeV KVType
	FlashAttn    FlashAttn
	Unified      bool // sequences share all cells; else each has Cells/Seqs of its own
	SWAFull      bool // sliding-window layers keep every cell, so that sequences can be cut anywhere
	Embeddings   bool // the context embeds: Decode gives pooled vectors and no logits
	// Beside is an open context on whose threads this one computes, as many as it
	// asks for. One goroutine must own both: idle threads of a pool of its own would
	// spin beside the other's work.
	Beside *Context
}

func (p ContextParams) check() error {
	switch {
	case p.Cells < 1, p.Rows < 1, p.Rows > p.Cells:
		return fmt.Errorf("%d rows of %d cells: %w", p.Rows, p.Cells, ErrInvalid)
	case p.Seqs < 1, p.Seqs > MaxSeqs:
		return fmt.Errorf("%d sequences, 1 to %d can be: %w", p.Seqs, MaxSeqs, ErrInvalid)
	case p.Threads < 1, p.ThreadsBatch < 1:
		return fmt.Errorf("%d and %d threads: %w", p.Threads, p.ThreadsBatch, ErrInvalid)
	case p.Beside != nil && !p.Beside.lends(p):
		return fmt.Errorf("%d and %d threads of another context, which has others or is closed: %w", p.Threads, p.ThreadsBatch, ErrInvalid)
	case p.Poll < 0, p.Poll > 100:
		return fmt.Errorf("poll %d, 0 to 100 can be: %w", p.Poll, ErrInvalid)
	case p.Outputs < 0, p.Outputs > p.Rows:
		return fmt.Errorf("%d outputs of %d rows: %w", p.Outputs, p.Rows, ErrInvalid)
	}
	return nil
}

// outputs is at least Seqs: llama.cpp reserves a row for every sequence.
func (p ContextParams) outputs() int {
	if p.Outputs == 0 {
		return max(p.Rows, p.Seqs)
	}
	return max(p.Outputs, p.Seqs)
}

func (p ContextParams) c() C.struct_llama_context_params {
	c := C.llama_context_default_params()
	c.n_ctx = C.uint32_t(p.Cells)
	c.n_batch = C.uint32_t(p.Rows)
	c.n_ubatch = C.uint32_t(p.Rows)
	c.n_seq_max = C.uint32_t(p.Seqs)
	c.n_outputs_max = C.uint32_t(p.outputs())
	c.n_threads = C.int32_t(p.Threads)
	c.n_threads_batch = C.int32_t(p.ThreadsBatch)
	c.type_k, c.type_v = kvTypes[p.TypeK], kvTypes[p.TypeV]
	c.flash_attn_type = flashTypes[p.FlashAttn]
	c.kv_unified = C.bool(p.Unified)
	c.swa_full = C.bool(p.SWAFull)
	c.embeddings = C.bool(p.Embeddings)
	c.no_perf = true
	return c
}
