package llama

/*
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/cgo"
	"sync"
	"sync/atomic"
	"unsafe"
)

// LoadMode says how the weights get into memory.
type LoadMode int

const (
	LoadAuto LoadMode = iota // llama.cpp chooses by device
	LoadMmap                 // map the file: pages are shared and come on demand
	LoadRead                 // read it all
)

var loadModes = map[LoadMode]C.enum_llama_load_mode{
	LoadAuto: C.LLAMA_LOAD_MODE_AUTO,
	LoadMmap: C.LLAMA_LOAD_MODE_MMAP,
	LoadRead: C.LLAMA_LOAD_MODE_NONE,
}

// ModelParams says where the weights go.
type ModelParams struct {
	GPULayers   int // layers on the GPU; negative: all
	LoadMode    LoadMode
	SplitMode   SplitMode
	TensorSplit []float32               // share of each device; none: by their free memory
	MainGPU     int                     // with SplitNone: the device that holds the model, from 0
	Progress    func(done float32) bool // from 0 to 1; false ends the load with ErrAborted
}

func (p ModelParams) c() C.struct_llama_model_params {
	c := C.llama_model_default_params()
	c.n_gpu_layers = C.int32_t(p.GPULayers)
	c.load_mode = loadModes[p.LoadMode]
	c.split_mode = splitModes[p.SplitMode]
	c.main_gpu = C.int32_t(p.MainGPU)
	return c
}

// Model is a loaded GGUF file (llama_model). Its methods are safe for
// concurrent use until Close.
type Model struct {
	c     *C.struct_llama_model
	name  string
	users atomic.Int32 // the model itself and its contexts; at 0 the memory goes
	once  sync.Once
	leak  runtime.Cleanup
}

// One load at a time: the error lines that are logged meanwhile belong to it.
var loading sync.Mutex

// LoadModel reads a GGUF file. The error carries llama.cpp's own reason.
func LoadModel(path string, p ModelParams) (*Model, error) {
	if err := Init(); err != nil {
		return nil, err
	}
	c, err := load(path, p)
	if err != nil {
		return nil, fmt.Errorf("llama: load %s: %w", path, err)
	}
	m := &Model{c: c, name: filepath.Base(path)}
	m.users.Store(1)
	_, file, line, _ := runtime.Caller(1)
	m.leak = runtime.AddCleanup(m, reportLeak, fmt.Sprintf("llama: model %s opened at %s:%d was never closed", m.name, file, line))
	return m, nil
}

func load(path string, p ModelParams) (*C.struct_llama_model, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	cpath := C.CString(path)
	defer C.free(unsafe.Pointer(cpath))
	watch := progress{report: p.Progress}
	handle := cgo.NewHandle(&watch)
	defer handle.Delete()

	loading.Lock()
	defer loading.Unlock()
	params := p.c()
	params.tensor_split = p.shares()
	defer C.free(unsafe.Pointer(params.tensor_split))
	var c *C.struct_llama_model
	lines := nativeLog.catch(func() { c = C.mb_model_load(cpath, params, C.uintptr_t(handle)) })
	switch {
	case watch.stopped:
		return nil, ErrAborted
	case c == nil:
		return nil, &nativeError{lines}
	}
	return c, nil
}

type progress struct {
	report  func(float32) bool
	stopped bool
}

//export moltbotProgress
func moltbotProgress(done C.float, handle C.uintptr_t) C.bool {
	p := cgo.Handle(handle).Value().(*progress)
	if p.report != nil && !p.report(float32(done)) {
		p.stopped = true
	}
	return C.bool(!p.stopped)
}

// Close frees the model once its last Context is closed too. A second call does nothing.
func (m *Model) Close() {
	m.once.Do(func() {
		m.leak.Stop()
		m.release()
	})
}

// hold keeps the memory for one more user; false when it is gone already.
func (m *Model) hold() bool {
	for {
		n := m.users.Load()
		if n == 0 {
			return false
		}
		if m.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (m *Model) release() {
	if m.users.Add(-1) == 0 {
		C.llama_model_free(m.c)
	}
}

// Pointer returns the *llama_model for other bindings, valid until Close.
func (m *Model) Pointer() unsafe.Pointer { return unsafe.Pointer(m.c) }

// Vocab returns the model's tokeniser, valid until Close.
func (m *Model) Vocab() Vocab {
	v := C.llama_model_get_vocab(m.c)
	return Vocab{c: v, n: Token(C.llama_vocab_n_tokens(v))}
}

// Desc returns a short description: architecture, size class, quantisation.
func (m *Model) Desc() string {
	return grownString(func(buf *C.char, size C.size_t) C.int32_t { return C.llama_model_desc(m.c, buf, size) })
}

// Meta returns a scalar value of the GGUF header as text.
func (m *Model) Meta(key string) (value string, ok bool) {
	ckey := C.CString(key)
	defer C.free(unsafe.Pointer(ckey))
	if C.llama_model_meta_val_str(m.c, ckey, nil, 0) < 0 {
		return "", false
	}
	return grownString(func(buf *C.char, size C.size_t) C.int32_t {
		return C.llama_model_meta_val_str(m.c, ckey, buf, size)
	}), true
}

// grownString calls f, which fills buf with a C string and returns its whole length, until it fits.
func grownString(f func(buf *C.char, size C.size_t) C.int32_t) string {
	for size := 256; ; {
		buf := make([]byte, size)
		n := int(f((*C.char)(unsafe.Pointer(&buf[0])), C.size_t(size)))
		if n < size {
			return string(buf[:max(n, 0)])
		}
		size = n + 1
	}
}

// ChatTemplate returns the model's own chat template, "" when it has none.
func (m *Model) ChatTemplate() string { return m.template(nil) }

// RerankTemplate returns the text that a reranker wants {query} and {document}
// put into, "" when it wants them plain.
func (m *Model) RerankTemplate() string {
	name := C.CString("rerank")
	defer C.free(unsafe.Pointer(name))
	return m.template(name)
}

func (m *Model) template(name *C.char) string {
	text := C.llama_model_chat_template(m.c, name)
	if text == nil {
		return ""
	}
	return C.GoString(text)
}

// Size returns the bytes of all tensors.
func (m *Model) Size() int64 { return int64(C.llama_model_size(m.c)) }

// Params returns the number of parameters.
func (m *Model) Params() int64 { return int64(C.llama_model_n_params(m.c)) }

// CtxTrain returns the context length that the model was trained for, in tokens.
func (m *Model) CtxTrain() int { return int(C.llama_model_n_ctx_train(m.c)) }

// NEmbd returns the width of an embedding.
func (m *Model) NEmbd() int { return int(C.llama_model_n_embd(m.c)) }

// NLayer returns the number of layers.
func (m *Model) NLayer() int { return int(C.llama_model_n_layer(m.c)) }

// SWA returns the sliding window in tokens, 0 when every layer attends to all.
func (m *Model) SWA() int { return int(C.llama_model_n_swa(m.c)) }

// IsRecurrent tells whether the memory is a state and no cache of cells.
func (m *Model) IsRecurrent() bool { return bool(C.llama_model_is_recurrent(m.c)) }

// IsHybrid tells whether some layers are recurrent.
func (m *Model) IsHybrid() bool { return bool(C.llama_model_is_hybrid(m.c)) }

// HasEncoder tells whether the model must encode before it can decode.
func (m *Model) HasEncoder() bool { return bool(C.llama_model_has_encoder(m.c)) }

// HasDecoder tells whether the model can generate.
func (m *Model) HasDecoder() bool { return bool(C.llama_model_has_decoder(m.c)) }
