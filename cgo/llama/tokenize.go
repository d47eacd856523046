package llama

// #include "shim.h"
import "C"

import "unsafe"

// TokenizeFunc returns a C function, and its first argument, that tokenises plain
// UTF-8 text without BOS: size_t (*)(const void *data, const uint8_t *text,
// size_t len, uint32_t *out, size_t cap). It is safe for concurrent use, and
// both are valid until the model is closed.
func (v Vocab) TokenizeFunc() (fn, data unsafe.Pointer) {
	return unsafe.Pointer(C.mb_tokenize_bytes), unsafe.Pointer(v.c)
}
