// Package chat calls llama.cpp's chat templates and answer parsers (common_chat_*).
//
// Owns: the C++ shim, the rendering of messages to a prompt, the parsing of an
// answer to its parts, for every model family that llama.cpp knows.
// Must not import: anything of Moltbot; engine/llama is its only importer.
// Flow: New takes a loaded model's template; Render turns a Request into a
// Rendered prompt; Rendered.Parse cuts the text generated from it. JSON crosses
// the border to C++, and no C++ exception crosses it back.
package chat

/*
#cgo CXXFLAGS: -std=c++17 -O2 -Wno-unused-function
#cgo CXXFLAGS: -I${SRCDIR}/../../build/native/include -I${SRCDIR}/../../build/native/include/common
#cgo LDFLAGS: -L${SRCDIR}/../../build/native/lib -lllama-common -lllama -lggml -lggml-base
#cgo LDFLAGS: -Wl,-rpath,$ORIGIN/../lib -Wl,-rpath,${SRCDIR}/../../build/native/lib
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"runtime"
	"sync"
	"unicode/utf8"
	"unsafe"
)

// ErrClosed: the Templates were closed before the call.
var ErrClosed = errors.New("chat: templates are closed")

// Templates are a model's chat templates (common_chat_templates). Safe for
// concurrent use: rendering shares nothing but the parsed template, which it
// only reads.
type Templates struct {
	mu   sync.RWMutex // held for reading while C++ works on c
	c    *C.mb_templates
	info info
	leak runtime.Cleanup
}

type info struct {
	Source           string `json:"source"`
	Explicit         bool   `json:"explicit"`
	SupportsThinking bool   `json:"supports_thinking"`
	SupportsCalls    bool   `json:"supports_tool_calls"`
}

// New parses the model's own template, or override when it isn't empty; a model
// without one gets ChatML. model is a *llama_model that must outlive the
// Templates; it may be nil only with an override, which then sees no BOS and
// EOS text. Errors: *TemplateError.
func New(model unsafe.Pointer, override string) (*Templates, error) {
	if model == nil && override == "" {
		return nil, errors.New("chat: neither a model nor a template is given")
	}
	if !utf8.ValidString(override) {
		return nil, &TemplateError{Message: "the template is not valid UTF-8"}
	}
	src := cText(override)
	defer C.free(unsafe.Pointer(src))
	var cerr *C.char
	t := &Templates{c: C.mb_templates_new((*C.struct_llama_model)(model), src, C.size_t(len(override)), &cerr)}
	if t.c == nil {
		return nil, fmt.Errorf("chat: template: %w", takeError(cerr))
	}
	if err := t.learn(); err != nil {
		C.mb_templates_free(t.c)
		return nil, err
	}
	t.watch()
	return t, nil
}

// learn reads what is fixed about the templates.
func (t *Templates) learn() error {
	var cerr *C.char
	return decode(C.mb_templates_info(t.c, &cerr), cerr, &t.info)
}

// watch has the log name who forgot to Close.
func (t *Templates) watch() {
	_, file, line, _ := runtime.Caller(2)
	t.leak = runtime.AddCleanup(t, func(at string) {
		log.Printf("chat: Templates made at %s were never closed", at)
	}, fmt.Sprintf("%s:%d", file, line))
}

// Source returns the text of the template in use (common_chat_templates_source).
func (t *Templates) Source() string { return t.info.Source }

// Explicit tells whether the model or the caller gave a template; false means
// ChatML stands in (common_chat_templates_was_explicit).
func (t *Templates) Explicit() bool { return t.info.Explicit }

// SupportsThinking tells whether the template knows reasoning that can be
// turned on and off (common_chat_templates_support_enable_thinking).
func (t *Templates) SupportsThinking() bool { return t.info.SupportsThinking }

// SupportsCalls tells whether the template can tell tool calls
// (common_chat_templates_get_caps).
func (t *Templates) SupportsCalls() bool { return t.info.SupportsCalls }

// Close waits for renderings under way and frees the C memory. A second call
// does nothing. What was Rendered stays valid.
func (t *Templates) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leak.Stop()
	C.mb_templates_free(t.c)
	t.c = nil
}

// cText copies s to C memory, NULs and all; the caller frees it.
func cText(s string) *C.char { return (*C.char)(C.CBytes([]byte(s))) }

// decode reads C's JSON answer into v and frees it, or turns cerr into an error.
func decode(answer, cerr *C.char, v any) error {
	if answer == nil {
		return takeError(cerr)
	}
	defer C.free(unsafe.Pointer(answer))
	if err := json.Unmarshal([]byte(C.GoString(answer)), v); err != nil {
		return fmt.Errorf("chat: reading the shim's answer: %w", err)
	}
	return nil
}

// takeError frees a C error text and makes a Go error of it.
func takeError(cerr *C.char) error {
	if cerr == nil {
		return errors.New("chat: out of memory")
	}
	defer C.free(unsafe.Pointer(cerr))
	return newTemplateError(C.GoString(cerr))
}
