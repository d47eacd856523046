package llama

// #include "llama.h"
import "C"

import "unsafe"

// SetEmbeddings (llama_set_embeddings) makes the next Decodes give embeddings
// of the rows that ask for output.
func (x *Context) SetEmbeddings(on bool) { C.llama_set_embeddings(x.c, C.bool(on)) }

// Embedding returns the embedding of a row of the last batch, shape [n_embd]:
// C memory, valid until the next Decode. Nil where there is none.
func (x *Context) Embedding(row int) []float32 {
	return x.embedding(C.llama_get_embeddings_ith(x.c, C.int32_t(row)))
}

// SeqEmbedding returns the pooled embedding of a sequence, shape [n_embd]: C
// memory, valid until the next Decode. Nil for a model that doesn't pool.
func (x *Context) SeqEmbedding(s SeqID) []float32 {
	return x.embedding(C.llama_get_embeddings_seq(x.c, x.Memory().id(s)))
}

func (x *Context) embedding(p *C.float) []float32 {
	if p == nil {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(p)), int(C.llama_model_n_embd_out(x.model.c)))
}
