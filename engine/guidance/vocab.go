//go:build cgo

package guidance

import (
	"errors"
	"unsafe"

	cguidance "github.com/moltbot/moltbot/cgo/guidance"
	"github.com/moltbot/moltbot/engine/constrain"
)

// Vocab is what a compiler needs to know of a model's vocabulary.
type Vocab interface {
	Len() int
	// Piece appends the bytes of a token to b; those of a control token only when control is set.
	Piece(b []byte, t constrain.Token, control bool) []byte
	// IsEOG tells whether a token ends a generation.
	IsEOG(constrain.Token) bool
	// Tokenize turns text into tokens, with nothing around them.
	Tokenize(text string) ([]constrain.Token, error)
	// TokenizeFunc is Tokenize for C: cgo/llama, Vocab.TokenizeFunc.
	TokenizeFunc() (fn, data unsafe.Pointer)
}

// special marks a token that stands for itself and never for its text.
const special = 0xFF

// newTokenizer reads every token once: 1.1 s for 262,144 of them (docs/benchmarks/masks.md).
func newTokenizer(v Vocab) (*cguidance.Tokenizer, error) {
	c := cguidance.Vocab{Lens: make([]uint32, v.Len())}
	for i := range c.Lens {
		start := len(c.Bytes)
		c.Bytes = appendToken(c.Bytes, v, constrain.Token(i))
		c.Lens[i] = uint32(len(c.Bytes) - start)
		if v.IsEOG(constrain.Token(i)) {
			c.Ends = append(c.Ends, uint32(i))
		}
	}
	if len(c.Ends) == 0 {
		return nil, errors.New("the model has no token that ends an answer, so none can be made to follow a grammar")
	}
	if faithful(v) {
		c.Tokenize, c.Data = v.TokenizeFunc()
	}
	return cguidance.NewTokenizer(c)
}

// appendToken appends a token's text; its name after a mark where it has no text,
// or ends an answer, so that no string of a grammar can mean it.
func appendToken(b []byte, v Vocab, t constrain.Token) []byte {
	if text := v.Piece(b, t, false); len(text) > len(b) && !v.IsEOG(t) {
		return text
	}
	if named := v.Piece(append(b, special), t, true); len(named) > len(b)+1 {
		return named
	}
	return b
}

// probes are texts that a grammar forces, or parts of them.
var probes = []string{"a", " a", `{"name":`, `"`, "\n", "é", " 漢", "  x"}

// faithful tells whether the tokeniser gives tokens that read as the text it was
// given. Some put a space before it; then no token may be forced by its means.
func faithful(v Vocab) bool {
	for _, text := range probes {
		tokens, err := v.Tokenize(text)
		if err != nil {
			return false
		}
		var read []byte
		for _, t := range tokens {
			read = v.Piece(read, t, false)
		}
		if string(read) != text {
			return false
		}
	}
	return true
}
