// Package constrain says what an answer must follow: a schema, a grammar, a pattern.
//
// Owns: the kinds of grammar and the interfaces between the engine, which asks
// what may come next, and whatever compiles grammars (engine/llama has the real one).
// Must not import: cgo, anything that knows HTTP.
// Flow: a handler turns the wire's wishes into a Grammar; Compile turns that into a
// Constraint, off the step loop; each choice starts a Matcher of its own, which the
// engine asks for a Mask before it samples and tells what was sampled.
package constrain

import (
	"context"
	"fmt"

	"github.com/moltbot/moltbot/kvcache"
)

// Token is a token of the model's vocabulary.
type Token = kvcache.Token

// Kind is the language that a Grammar is written in.
type Kind string

const (
	JSONSchema Kind = "json_schema" // draft 2020-12; {"type": "object"} is any object
	Lark       Kind = "lark"        // llguidance's dialect
	GBNF       Kind = "gbnf"        // llama.cpp's
	Regex      Kind = "regex"       // the whole answer
)

// Grammar is what an answer must follow from its first byte to its end.
type Grammar struct {
	Kind   Kind
	Source string
	// Tokens: a Source in Lark may name control tokens by number, as <[7]>. Whoever
	// sets it sees to it that their text is part of the answer.
	Tokens bool
}

// Compiler compiles grammars for one vocabulary, from a cache where it can; safe
// for concurrent use. Errors: *RefusedError, ctx.Err().
type Compiler interface {
	Compile(ctx context.Context, g Grammar) (Constraint, error)
}

// Constraint is a compiled grammar; safe for concurrent use.
type Constraint interface {
	// Start returns a matcher for one answer.
	Start() (Matcher, error)
}

// Matcher follows one answer. One goroutine at a time calls it.
type Matcher interface {
	// Mask sets the bits of the tokens that may come next, and clears all others.
	// Tokens that end a generation are among them where the answer may end.
	// mask has a bit for each token of the vocabulary: token t is bit t%32 of word t/32.
	Mask(mask []uint32) error
	// Accept says which token came. Errors: the token was not allowed.
	Accept(Token) error
	// Forced appends the tokens that must come next, whatever the model thinks;
	// often none. They are not accepted yet.
	Forced(buf []Token) []Token
	// Ended tells whether the answer is complete and nothing but its end may follow.
	Ended() bool
	// Close frees what the matcher holds. A second call does nothing.
	Close()
}

// RefusedError says that a grammar is not served, and why: it is malformed, asks
// for what can't be enforced, has no answer, or is too large.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return fmt.Sprintf("the grammar is refused: %s", e.Reason) }
