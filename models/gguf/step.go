package gguf

import "strings"

// reads adds up what a step reads, over all parts of a model.
type reads struct {
	all   int64 // bytes of all weights
	table int64 // of these, the embedding table
	idle  int64 // of these, what is only looked up, and experts that one token doesn't use
	head  bool  // the output has weights of its own
}

// StepBytes returns the bytes of weights that a step of one row reads: not the
// tables of which it takes a row alone, and of a mixture of experts only those
// that one token uses. More rows read the same, but for the experts.
func (m *Model) StepBytes() int64 {
	n := m.reads.all - m.reads.idle
	if m.reads.head {
		n -= m.reads.table
	}
	return n
}

// count adds a part; first is the model's first one, which has the metadata.
func (r *reads) count(part, first *File) {
	for _, t := range part.Tensors {
		r.all += t.Bytes
		switch {
		case t.Name == "token_embd.weight":
			r.table += t.Bytes
		case t.Name == "per_layer_token_embd.weight":
			r.idle += t.Bytes
		case t.Name == "output.weight":
			r.head = true
		case strings.Contains(t.Name, "_exps."):
			r.idle += t.Bytes - t.Bytes*first.archOr("expert_used_count", 1)/max(1, first.archOr("expert_count", 1))
		}
	}
}
