// Package guidance binds llguidance.h: grammars, and masks of the tokens they allow.
//
// Owns: the C memory of tokenisers and matchers; the limits on what a grammar may
// cost; the turning of llguidance's messages into Go errors.
// Must not import: anything of Moltbot; it knows nothing of schemas or models.
// Flow: NewTokenizer once per vocabulary, Compile once per grammar, Matcher.Clone
// once per answer; then Mask, Consume, Forced. No Rust panic crosses into Go:
// crate/ builds with unwinding, and every call used here catches it.
package guidance

// #cgo CPPFLAGS: -I${SRCDIR}/../../build/guidance/include
// #cgo LDFLAGS: -L${SRCDIR}/../../build/guidance/lib -lguidance
// #cgo linux LDFLAGS: -lgcc_s -lutil -lrt -lpthread -lm -ldl
// #cgo darwin LDFLAGS: -liconv
// #include "shim.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unsafe"
)

// Version returns the versions of llguidance and of its regex library.
func Version() string { return C.GoString(C.llg_get_version()) }

// Vocab is what a tokeniser is made from.
type Vocab struct {
	// Lens holds the length of each token in Bytes, shape [tokens]. A token of no
	// bytes is never allowed; one that starts with 0xFF stands for itself, not for text.
	Lens  []uint32
	Bytes []byte
	// Ends are the tokens that end an answer; at least one.
	Ends []uint32
	// Tokenize is an LlgTokenizeFn for valid UTF-8 and Data its first argument;
	// nil: no token is ever forced.
	Tokenize, Data unsafe.Pointer
}

// Tokenizer is a vocabulary as llguidance sees it, safe for concurrent use.
type Tokenizer struct {
	c    *C.LlgTokenizer
	n    int  // tokens
	real bool // has a Tokenize
}

// NewTokenizer copies the vocabulary; it takes some 0.4 s per 100,000 tokens.
// What v.Data points to must outlive the tokeniser and all that is made with it.
func NewTokenizer(v Vocab) (*Tokenizer, error) {
	if len(v.Lens) == 0 || len(v.Bytes) == 0 || len(v.Ends) == 0 {
		return nil, errors.New("guidance: a vocabulary needs tokens, and one that ends an answer")
	}
	message := make([]byte, 512)
	c := C.mb_new_tokenizer(C.uint32_t(len(v.Lens)), (*C.uint32_t)(unsafe.SliceData(v.Lens)),
		(*C.uint8_t)(unsafe.SliceData(v.Bytes)), (*C.uint32_t)(unsafe.SliceData(v.Ends)), C.uint32_t(len(v.Ends)),
		v.Tokenize, v.Data, (*C.char)(unsafe.Pointer(&message[0])), C.size_t(len(message)))
	if c == nil {
		return nil, fmt.Errorf("guidance: the vocabulary: %s", reason(C.GoString((*C.char)(unsafe.Pointer(&message[0])))))
	}
	return &Tokenizer{c: c, n: len(v.Lens), real: v.Tokenize != nil}, nil
}

// Close frees the tokeniser; matchers made with it stay valid. A second call does nothing.
func (t *Tokenizer) Close() {
	C.llg_free_tokenizer(t.c)
	t.c = nil
}

// GrammarError says why llguidance did not compile a grammar.
type GrammarError struct{ Reason string }

func (e *GrammarError) Error() string { return "guidance: " + e.Reason }

// Compile makes a matcher at the start of a grammar. kind: "json_schema", "lark".
// Cost is bounded by the limits in shim.c. Errors: *GrammarError.
func (t *Tokenizer) Compile(kind, source string) (*Matcher, error) {
	if strings.ContainsRune(source, 0) {
		return nil, &GrammarError{"it contains a NUL byte"}
	}
	ckind, csource := C.CString(kind), C.CString(source)
	defer C.free(unsafe.Pointer(ckind))
	defer C.free(unsafe.Pointer(csource))
	c := C.mb_compile(t.c, C.bool(t.real), ckind, csource)
	if c == nil {
		return nil, &GrammarError{"no memory to compile it"}
	}
	m := newMatcher(c, t)
	if err := m.failure(); err != nil {
		m.Close()
		return nil, &GrammarError{err.Error()}
	}
	return m, nil
}

// Matcher follows one answer; one goroutine at a time may use it.
type Matcher struct {
	c    *C.LlgMatcher
	n    int // tokens of the vocabulary
	real bool
	leak runtime.Cleanup
}

func newMatcher(c *C.LlgMatcher, t *Tokenizer) *Matcher {
	return own(&Matcher{c: c, n: t.n, real: t.real})
}

// own frees the C memory of a matcher that nobody closed.
func own(m *Matcher) *Matcher {
	m.leak = runtime.AddCleanup(m, func(c *C.LlgMatcher) { C.llg_free_matcher(c) }, m.c)
	return m
}

// Clone returns a matcher in the same state, with caches of its own.
func (m *Matcher) Clone() (*Matcher, error) {
	c := C.moltbot_clone_matcher(m.c)
	if c == nil {
		return nil, errors.New("guidance: clone a matcher: panic")
	}
	return own(&Matcher{c: c, n: m.n, real: m.real}), nil
}

// Mask fills mask, shape [tokens/32] rounded up, with a bit for each token that may come next.
func (m *Matcher) Mask(mask []uint32) error {
	if want := (m.n + 31) / 32; len(mask) != want {
		return fmt.Errorf("guidance: a mask of %d words, not %d", len(mask), want)
	}
	if C.llg_matcher_compute_mask_into(m.c, (*C.uint32_t)(unsafe.SliceData(mask)), C.size_t(4*len(mask))) != 0 {
		return m.failed("mask")
	}
	return nil
}

// Consume advances by a token that came. After an error the matcher is of no more use.
func (m *Matcher) Consume(token uint32) error {
	if C.llg_matcher_consume_token(m.c, C.uint32_t(token)) != 0 {
		return m.failed(fmt.Sprintf("token %d", token))
	}
	return nil
}

// forcedAtOnce bounds what one call of Forced returns.
const forcedAtOnce = 64

// Forced appends the tokens that the grammar leaves no choice about.
func (m *Matcher) Forced(buf []uint32) []uint32 {
	if !m.real {
		return buf
	}
	var out [forcedAtOnce]uint32
	n := C.llg_matcher_compute_ff_tokens(m.c, (*C.uint32_t)(unsafe.Pointer(&out[0])), forcedAtOnce)
	return append(buf, out[:max(0, n)]...)
}

// Stopped tells whether nothing but an end may follow.
func (m *Matcher) Stopped() bool { return bool(C.llg_matcher_is_stopped(m.c)) }

// Close frees the C memory. A second call does nothing.
func (m *Matcher) Close() {
	if m.c != nil {
		m.leak.Stop()
		C.llg_free_matcher(m.c)
		m.c = nil
	}
}

func (m *Matcher) failed(doing string) error {
	return fmt.Errorf("guidance: %s: %w", doing, m.failure())
}

// failure returns what the matcher says went wrong, nil when nothing did.
func (m *Matcher) failure() error {
	if message := C.llg_matcher_get_error(m.c); message != nil {
		return errors.New(reason(C.GoString(message)))
	}
	return nil
}

// reason is the first line of a message; quoted grammars and back traces follow it.
func reason(message string) string {
	message, _, _ = strings.Cut(message, "\n")
	if len(message) > 500 {
		message = strings.ToValidUTF8(message[:500], "") + "…"
	}
	return strings.TrimSpace(message)
}
