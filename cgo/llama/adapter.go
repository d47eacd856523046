package llama

/*
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Adapter is a LoRA adapter of a model (llama_adapter_lora). It is freed with
// the model and valid as long.
type Adapter struct {
	c     *C.struct_llama_adapter_lora
	model *Model
}

// LoadAdapter reads a GGUF file that holds a LoRA adapter of the model. All
// adapters must be loaded before the first context is made, which takes room for
// them in its graphs. The error carries llama.cpp's own reason.
func (m *Model) LoadAdapter(path string) (*Adapter, error) {
	cpath := C.CString(path)
	defer C.free(unsafe.Pointer(cpath))
	loading.Lock()
	defer loading.Unlock()
	a := &Adapter{model: m}
	lines := nativeLog.catch(func() { a.c = C.mb_adapter_load(m.c, cpath) })
	if a.c == nil {
		return nil, fmt.Errorf("llama: load adapter %s for %s: %w", path, m.name, &nativeError{lines})
	}
	return a, nil
}

// SetAdapter applies an adapter of the context's model, with that strength, to
// the Decodes that follow, instead of the one before; nil takes it off.
func (x *Context) SetAdapter(a *Adapter, scale float32) error {
	if a == nil {
		C.llama_set_adapters_lora(x.c, nil, 0, nil)
		return nil
	}
	if a.model != x.model {
		return fmt.Errorf("llama: an adapter of %s on a context of %s: %w", a.model.name, x.model.name, ErrInvalid)
	}
	if code := C.mb_adapter_set(x.c, a.c, C.float(scale)); code != 0 {
		return fmt.Errorf("llama: set the adapter: %w (code %d)", ErrFatal, code)
	}
	return nil
}
