//go:build cgo

package llama

import (
	"strings"

	cllama "github.com/moltbot/moltbot/cgo/llama"
	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/chat"
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

// pieces cuts a text at the control tokens in it. One that ends an answer is none:
// nothing could follow it.
func (v vocab) pieces(text string) []chat.Piece {
	tokens, err := v.c.Tokenize(text, false, true)
	if err != nil {
		return []chat.Piece{{Text: text}}
	}
	var out []chat.Piece
	for _, t := range tokens {
		if !v.c.IsControl(t) || v.c.IsEOG(t) {
			continue
		}
		name := string(v.c.Piece(nil, t, true))
		before, after, ok := strings.Cut(text, name)
		if name == "" || !ok {
			continue
		}
		if before != "" {
			out = append(out, chat.Piece{Text: before})
		}
		out, text = append(out, chat.Piece{Text: name, Control: true, Token: engine.Token(t)}), after
	}
	if text != "" {
		out = append(out, chat.Piece{Text: text})
	}
	return out
}

// Infill gives the tokens around what is to be filled in; ok is false where the
// model was not taught to.
func (v vocab) Infill() (prefix, suffix, middle engine.Token, ok bool) {
	p, s, m := v.c.FIMPrefix(), v.c.FIMSuffix(), v.c.FIMMiddle()
	return engine.Token(p), engine.Token(s), engine.Token(m), p >= 0 && s >= 0 && m >= 0
}
