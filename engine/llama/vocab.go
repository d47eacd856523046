//go:build cgo

package llama

import (
	cllama "github.com/moltbot/moltbot/cgo/llama"
	"github.com/moltbot/moltbot/engine"
)

// vocab implements engine.Vocab.
type vocab struct{ c cllama.Vocab }

func (v vocab) Tokenize(text string, special, parse bool) ([]engine.Token, error) {
	tokens, err := v.c.Tokenize(text, special, parse)
	out := make([]engine.Token, len(tokens))
	for i, t := range tokens {
		out[i] = engine.Token(t)
	}
	return out, err
}

func (v vocab) Piece(b []byte, t engine.Token, control bool) []byte {
	return v.c.Piece(b, cllama.Token(t), control)
}
func (v vocab) IsEOG(t engine.Token) bool { return v.c.IsEOG(cllama.Token(t)) }
func (v vocab) Len() int                  { return v.c.NTokens() }
