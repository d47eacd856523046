package enginetest

import (
	"errors"
	"hash/fnv"
	"strings"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/chat"
)

// The toy's vocabulary: bytes, then the beginning and the end.
const (
	BOS       = engine.Token(256)
	EOS       = engine.Token(257)
	vocabSize = 258

	firstLetter = 'a'
	letters     = 26
)

// Vocab is the toy's tokeniser: a token is a byte.
type Vocab struct{}

// Tokenize implements engine.Vocab; parse reads "</s>" as EOS.
func (Vocab) Tokenize(text string, special, parse bool) ([]engine.Token, error) {
	var out []engine.Token
	if special {
		out = append(out, BOS)
	}
	for i, part := range splitEOS(text, parse) {
		if i > 0 {
			out = append(out, EOS)
		}
		for j := range len(part) {
			out = append(out, engine.Token(part[j]))
		}
	}
	return out, nil
}

func splitEOS(text string, parse bool) []string {
	if !parse {
		return []string{text}
	}
	return strings.Split(text, "</s>")
}

// Piece implements engine.Vocab.
func (Vocab) Piece(b []byte, t engine.Token, control bool) []byte {
	switch {
	case t < 256:
		return append(b, byte(t))
	case t == EOS && control:
		return append(b, "</s>"...)
	}
	return b
}

// IsEOG implements engine.Vocab.
func (Vocab) IsEOG(t engine.Token) bool { return t == EOS }

// Len implements engine.Vocab.
func (Vocab) Len() int { return vocabSize }

// Next is what the toy says after those tokens: a letter, or the end about once
// in sixty tokens.
func Next(history []engine.Token) engine.Token {
	h := fnv.New64a()
	for _, t := range history {
		h.Write([]byte{byte(t), byte(t >> 8)})
	}
	sum := h.Sum64()
	if sum%61 == 0 {
		return EOS
	}
	return engine.Token(firstLetter + (sum>>8)%letters)
}

// Continue is the greedy text of at most n tokens after a prompt, and whether
// the toy ended it itself. Tests compare what the engine says with it.
func Continue(prompt []engine.Token, n int) (text string, ended bool) {
	history := append([]engine.Token(nil), prompt...)
	var out []byte
	for range n {
		t := Next(history)
		if t == EOS {
			return string(out), true
		}
		history = append(history, t)
		out = append(out, byte(t))
	}
	return string(out), false
}

// Template renders "role: content" lines. A message of the role "refuse" is an error.
type Template struct{}

// Render implements chat.Template.
func (Template) Render(c chat.Conversation) (chat.Prompt, error) {
	var b strings.Builder
	for _, m := range c.Messages {
		if m.Content == Unrenderable {
			return chat.Prompt{}, errors.New("the template refuses this conversation")
		}
		b.WriteString(m.Role + ": " + m.Content + "\n")
	}
	b.WriteString("assistant: ")
	return chat.Prompt{Text: b.String(), Parser: func() chat.Parser { return chat.Plain{} }}, nil
}

// Unrenderable is a content that Template refuses.
const Unrenderable = "\x00unrenderable"
