package llama

// #include "llama.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// SplitMode says how a model is spread over several devices.
type SplitMode int

const (
	SplitLayer  SplitMode = iota // each device has whole layers and their cells
	SplitNone                    // ModelParams.MainGPU has all of it
	SplitRow                     // layers and cells as above, matrices by rows where the backend can
	SplitTensor                  // each device has a part of every layer; needs flash attention
)

var splitModes = map[SplitMode]C.enum_llama_split_mode{
	SplitLayer: C.LLAMA_SPLIT_MODE_LAYER, SplitNone: C.LLAMA_SPLIT_MODE_NONE,
	SplitRow: C.LLAMA_SPLIT_MODE_ROW, SplitTensor: C.LLAMA_SPLIT_MODE_TENSOR,
}

// MaxDevices is how many devices can share a model.
func MaxDevices() int { return int(C.llama_max_devices()) }

// check finds what llama.cpp would not say.
func (p ModelParams) check() error {
	switch {
	case len(p.TensorSplit) > MaxDevices():
		return fmt.Errorf("%d shares of %d devices at most: %w", len(p.TensorSplit), MaxDevices(), ErrInvalid)
	case p.SplitMode == SplitNone && p.MainGPU < 0:
		return fmt.Errorf("main GPU %d: %w", p.MainGPU, ErrInvalid)
	}
	return nil
}

// shares copies the shares to C memory, one for each device that may be; the
// caller frees it. Nil: by free memory.
func (p ModelParams) shares() *C.float {
	if len(p.TensorSplit) == 0 {
		return nil
	}
	list := (*C.float)(array(MaxDevices(), 4))
	all := unsafe.Slice((*float32)(unsafe.Pointer(list)), MaxDevices())
	clear(all)
	copy(all, p.TensorSplit)
	return list
}
