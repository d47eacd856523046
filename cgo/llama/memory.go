package llama

// #include "llama.h"
import "C"

import "fmt"

// Memory is what a context remembers of its sequences (llama_memory). The
// context's goroutine owns it. A sequence that the context doesn't have is a
// mistake of the caller: the methods panic, as an index out of range does.
type Memory struct {
	c       C.llama_memory_t
	seqs    int
	unified bool
}

func (m Memory) id(s SeqID) C.llama_seq_id {
	if s < 0 || int(s) >= m.seqs {
		panic(fmt.Sprintf("llama: sequence %d of %d", s, m.seqs))
	}
	return C.llama_seq_id(s)
}

// SeqRm (llama_memory_seq_rm) forgets [p0, p1) of a sequence; p1 < 0 means to
// the end. False: this kind of memory can't forget a part, nothing is changed.
func (m Memory) SeqRm(s SeqID, p0, p1 Pos) bool {
	return bool(C.llama_memory_seq_rm(m.c, m.id(s), C.llama_pos(p0), C.llama_pos(p1)))
}

// SeqCp (llama_memory_seq_cp) lets dst share the cells of src in [p0, p1);
// p1 < 0 means to the end. Where cells aren't unified they are copied, and only
// whole sequences can be.
func (m Memory) SeqCp(src, dst SeqID, p0, p1 Pos) {
	if !m.unified && (p0 > 0 || p1 >= 0) {
		panic("llama: a part of a sequence is copied only where cells are unified")
	}
	C.llama_memory_seq_cp(m.c, m.id(src), m.id(dst), C.llama_pos(p0), C.llama_pos(p1))
}

// SeqPosMin returns the first position that is there, -1 for an empty sequence.
// It isn't 0 where a sliding window has moved on.
func (m Memory) SeqPosMin(s SeqID) Pos { return Pos(C.llama_memory_seq_pos_min(m.c, m.id(s))) }

// SeqPosMax returns the last position that is there, -1 for an empty sequence.
func (m Memory) SeqPosMax(s SeqID) Pos { return Pos(C.llama_memory_seq_pos_max(m.c, m.id(s))) }

// Clear forgets all sequences.
func (m Memory) Clear() { C.llama_memory_clear(m.c, false) }

// CanShift tells whether positions can be moved.
func (m Memory) CanShift() bool { return bool(C.llama_memory_can_shift(m.c)) }
