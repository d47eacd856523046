package llama

// #include "llama.h"
import "C"

import "unsafe"

// Pooling is how the rows of a sequence become one vector (enum llama_pooling_type).
type Pooling int

const (
	PoolingNone Pooling = iota // they don't: each row has its own
	PoolingMean
	PoolingCLS
	PoolingLast
	PoolingRank // a classifier's outputs: a score, or one for each label
)

var poolings = map[C.enum_llama_pooling_type]Pooling{
	C.LLAMA_POOLING_TYPE_NONE: PoolingNone,
	C.LLAMA_POOLING_TYPE_MEAN: PoolingMean,
	C.LLAMA_POOLING_TYPE_CLS:  PoolingCLS,
	C.LLAMA_POOLING_TYPE_LAST: PoolingLast,
	C.LLAMA_POOLING_TYPE_RANK: PoolingRank,
}

// Pooling returns what the model's metadata asks for; PoolingNone without a word there.
func (x *Context) Pooling() Pooling { return poolings[C.llama_pooling_type(x.c)] }

// SetEmbeddings (llama_set_embeddings) makes the next Decodes give embeddings
// of the rows that ask for output.
func (x *Context) SetEmbeddings(on bool) { C.llama_set_embeddings(x.c, C.bool(on)) }

// Embedding returns the embedding of a row of the last batch, shape [n_embd]:
// C memory, valid until the next Decode. Nil where there is none.
func (x *Context) Embedding(row int) []float32 {
	return floats(C.llama_get_embeddings_ith(x.c, C.int32_t(row)), x.model.NEmbdOut())
}

// SeqEmbedding returns the pooled embedding of a sequence, shape [n_embd], or
// [n_cls_out] with PoolingRank: C memory, valid until the next Decode. Nil for a
// model that doesn't pool.
func (x *Context) SeqEmbedding(s SeqID) []float32 {
	width := x.model.NEmbdOut()
	if x.Pooling() == PoolingRank {
		width = x.model.NClsOut()
	}
	return floats(C.llama_get_embeddings_seq(x.c, x.Memory().id(s)), width)
}

func floats(p *C.float, n int) []float32 {
	if p == nil {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(p)), n)
}

// NEmbdOut returns the width of the vectors that the model gives.
func (m *Model) NEmbdOut() int { return int(C.llama_model_n_embd_out(m.c)) }

// NClsOut returns the number of the classifier's outputs.
func (m *Model) NClsOut() int { return int(C.llama_model_n_cls_out(m.c)) }

// ClsLabels returns the names of the classifier's outputs; nil when they have none.
func (m *Model) ClsLabels() (labels []string) {
	for i := range m.NClsOut() {
		label := C.llama_model_cls_label(m.c, C.uint32_t(i))
		if label == nil {
			return nil
		}
		labels = append(labels, C.GoString(label))
	}
	return labels
}
