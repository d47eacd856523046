package llama

// #include "llama.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// SeqSize returns the bytes that SeqGet needs for a sequence.
func (x *Context) SeqSize(s SeqID) int {
	return int(C.llama_state_seq_get_size(x.c, x.Memory().id(s)))
}

// SeqGet writes the state of a sequence to b and returns the bytes written.
func (x *Context) SeqGet(b []byte, s SeqID) (int, error) {
	n := C.llama_state_seq_get_data(x.c, bytesOf(b), C.size_t(len(b)), x.Memory().id(s))
	if n == 0 {
		return 0, fmt.Errorf("llama: state of sequence %d into %d bytes: %w", s, len(b), ErrInvalid)
	}
	return int(n), nil
}

// SeqSet replaces a sequence by a state that SeqGet wrote, on a context of the
// same model and KV types. After an error the sequence is empty.
func (x *Context) SeqSet(b []byte, s SeqID) error {
	if C.llama_state_seq_set_data(x.c, bytesOf(b), C.size_t(len(b)), x.Memory().id(s)) == 0 {
		x.Memory().SeqRm(s, -1, -1)
		return fmt.Errorf("llama: state of %d bytes for sequence %d: %w", len(b), s, ErrInvalid)
	}
	return nil
}

// WindowSize is SeqSize for the sliding-window layers alone. It is less than
// SeqSize only where the model keeps them apart.
func (x *Context) WindowSize(s SeqID) int {
	return int(C.llama_state_seq_get_size_ext(x.c, x.Memory().id(s), C.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY))
}

// WindowGet is SeqGet for the sliding-window layers alone.
func (x *Context) WindowGet(b []byte, s SeqID) (int, error) {
	n := C.llama_state_seq_get_data_ext(x.c, bytesOf(b), C.size_t(len(b)), x.Memory().id(s), C.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY)
	if n == 0 {
		return 0, fmt.Errorf("llama: window of sequence %d into %d bytes: %w", s, len(b), ErrInvalid)
	}
	return int(n), nil
}

// WindowSet replaces what the sliding-window layers hold of a sequence by what
// WindowGet wrote, in cells of its own; all other layers keep theirs. After an
// error the sequence is empty.
func (x *Context) WindowSet(b []byte, s SeqID) error {
	if C.llama_state_seq_set_data_ext(x.c, bytesOf(b), C.size_t(len(b)), x.Memory().id(s), C.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY) == 0 {
		x.Memory().SeqRm(s, -1, -1)
		return fmt.Errorf("llama: window of %d bytes for sequence %d: %w", len(b), s, ErrInvalid)
	}
	return nil
}

func bytesOf(b []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(b))) }
