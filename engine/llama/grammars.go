//go:build cgo

package llama

import (
	"unsafe"

	cllama "github.com/moltbot/moltbot/cgo/llama"
	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/guidance"
)

// grammarVocab implements guidance.Vocab.
type grammarVocab struct{ vocab }

// Tokenize gives the tokens of plain text, with no BOS around it.
func (v grammarVocab) Tokenize(text string) ([]engine.Token, error) {
	return v.vocab.Tokenize(text, false, false)
}

func (v grammarVocab) TokenizeFunc() (fn, data unsafe.Pointer) { return v.c.TokenizeFunc() }

// newGrammars compiles grammars for a model's vocabulary; nothing is computed
// before the first. It must be closed before the model.
func newGrammars(v cllama.Vocab) *guidance.Compiler { return guidance.New(grammarVocab{vocab{v}}) }
