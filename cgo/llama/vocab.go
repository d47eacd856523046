package llama

/*
#include <string.h>
#include "shim.h"
*/
import "C"

import (
	"fmt"
	"math"
	"slices"
	"unsafe"
)

// Vocab is a model's tokeniser (llama_vocab), safe for concurrent use.
type Vocab struct {
	c *C.struct_llama_vocab
	n Token // tokens
}

// NTokens returns the size of the vocabulary, which is the length of a row of logits.
func (v Vocab) NTokens() int { return int(v.n) }

// Type tells how texts are cut: by pairs of bytes, by pieces of sentences, by words.
func (v Vocab) Type() int { return int(C.llama_vocab_type(v.c)) }

// SameText tells whether a token is the same text in both vocabularies, which must have it.
func (v Vocab) SameText(other Vocab, t Token) bool {
	return C.strcmp(C.llama_vocab_get_text(v.c, C.llama_token(t)), C.llama_vocab_get_text(other.c, C.llama_token(t))) == 0
}

// Tokenize turns text into tokens. special: BOS and EOS are added where the
// model wants them. parse: text such as <|im_end|> becomes its control token.
func (v Vocab) Tokenize(text string, special, parse bool) ([]Token, error) {
	if len(text) > math.MaxInt32/2 {
		return nil, fmt.Errorf("llama: tokenize %d bytes: %w", len(text), ErrInvalid)
	}
	out := make([]Token, len(text)/3+8)
	n := v.tokenize(text, out, special, parse)
	if n < 0 && n != math.MinInt32 {
		out = make([]Token, -n)
		n = v.tokenize(text, out, special, parse)
	}
	if n < 0 {
		return nil, fmt.Errorf("llama: tokenize %d bytes: %w", len(text), ErrFatal)
	}
	return out[:n], nil
}

// tokenize returns the count, or minus the room that is needed.
func (v Vocab) tokenize(text string, out []Token, special, parse bool) int {
	bytes := unsafe.StringData(text + "\x00") // never nil, even for no text
	return int(C.mb_tokenize(v.c, (*C.char)(unsafe.Pointer(bytes)), C.int32_t(len(text)),
		(*C.llama_token)(unsafe.Pointer(&out[0])), C.int32_t(len(out)), C.bool(special), C.bool(parse)))
}

// Piece appends the bytes of a token to b; those of a control token only when
// control is set. Ids that aren't in the vocabulary give nothing. A piece may
// end within a UTF-8 character.
func (v Vocab) Piece(b []byte, t Token, control bool) []byte {
	if !v.has(t) {
		return b
	}
	for room := 32; ; {
		b = slices.Grow(b, room)
		free := b[len(b) : len(b)+room]
		n := int(C.mb_piece(v.c, C.llama_token(t), (*C.char)(unsafe.Pointer(&free[0])), C.int32_t(room), C.bool(control)))
		if n >= 0 {
			return b[:len(b)+n]
		}
		room = -n
	}
}

func (v Vocab) has(t Token) bool { return t >= 0 && t < v.n }

// IsEOG tells whether a token ends a generation: end of sequence, of turn, of message.
func (v Vocab) IsEOG(t Token) bool {
	return v.has(t) && bool(C.llama_vocab_is_eog(v.c, C.llama_token(t)))
}

// IsControl tells whether a token has no text of its own.
func (v Vocab) IsControl(t Token) bool {
	return v.has(t) && bool(C.llama_vocab_is_control(v.c, C.llama_token(t)))
}

// BOS returns the token that begins a sequence, -1 when there is none.
func (v Vocab) BOS() Token { return Token(C.llama_vocab_bos(v.c)) }

// EOS returns the token that ends a sequence, -1 when there is none.
func (v Vocab) EOS() Token { return Token(C.llama_vocab_eos(v.c)) }

// EOT returns the token that ends a turn, -1 when there is none.
func (v Vocab) EOT() Token { return Token(C.llama_vocab_eot(v.c)) }

// SEP returns the token that separates two texts, -1 when there is none.
func (v Vocab) SEP() Token { return Token(C.llama_vocab_sep(v.c)) }

// FIMPrefix returns the token that begins a text with a gap, -1 when there is none.
func (v Vocab) FIMPrefix() Token { return Token(C.llama_vocab_fim_pre(v.c)) }

// FIMSuffix returns the token in front of what follows the gap, -1 when there is none.
func (v Vocab) FIMSuffix() Token { return Token(C.llama_vocab_fim_suf(v.c)) }

// FIMMiddle returns the token after which the gap is filled, -1 when there is none.
func (v Vocab) FIMMiddle() Token { return Token(C.llama_vocab_fim_mid(v.c)) }

// AddBOS tells whether the model wants BOS before a text.
func (v Vocab) AddBOS() bool { return bool(C.llama_vocab_get_add_bos(v.c)) }

// AddEOS tells whether the model wants EOS after a text.
func (v Vocab) AddEOS() bool { return bool(C.llama_vocab_get_add_eos(v.c)) }

// AddSEP tells whether the model wants SEP between two texts.
func (v Vocab) AddSEP() bool { return bool(C.llama_vocab_get_add_sep(v.c)) }
