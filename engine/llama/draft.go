//go:build cgo

package llama

import (
	"context"
	"errors"
	"fmt"

	cllama "github.com/moltbot/moltbot/cgo/llama"
	"github.com/moltbot/moltbot/engine"
)

// Draft is an open draft model: a Backend without template.
type Draft struct {
	Backend engine.Backend
	own     *backend
}

// OpenDraft loads a model that guesses for another, which is then to be opened
// with Options.Beside. It gives up when ctx ends.
func OpenDraft(ctx context.Context, o Options) (*Draft, error) {
	m, err := loadModel(ctx, o)
	if err != nil {
		return nil, err
	}
	b, err := newDraft(m, o)
	if err != nil {
		m.Close()
		return nil, err
	}
	return &Draft{Backend: b, own: b}, nil
}

func newDraft(m *cllama.Model, o Options) (*backend, error) {
	switch {
	case m.HasEncoder() || !m.HasDecoder():
		return nil, fmt.Errorf("%s is not a model that continues text", m.Desc())
	case m.IsRecurrent() || m.IsHybrid():
		return nil, fmt.Errorf("%s has recurrent layers, which can't take back a wrong guess", m.Desc())
	}
	return newBackend(m, o)
}

// Two vocabularies may differ in size, as files of one family are padded, and in
// the first tokens, which some files leave without text. Source: llama.cpp's
// common_speculative_are_compatible (common/speculative.cpp).
const (
	sizesMayDiffer = 128
	firstCompared  = 5
)

// Accepts returns an error where d speaks another vocabulary than the model, or
// the model has no use for guesses.
func (m *Model) Accepts(d *Draft) error {
	if m.Backend.Shape().States {
		return errors.New("the model has recurrent layers, which can't take back a wrong guess, so a draft model is of no use")
	}
	return sameVocab(m.Vocab.(vocab).c, d.own.model.Vocab())
}

func sameVocab(a, b cllama.Vocab) error {
	switch {
	case a.Type() != b.Type():
		return errors.New("its vocabulary is of another kind than the model's")
	case max(a.NTokens(), b.NTokens())-min(a.NTokens(), b.NTokens()) > sizesMayDiffer:
		return fmt.Errorf("its vocabulary has %d tokens, the model's %d", b.NTokens(), a.NTokens())
	case a.AddBOS() != b.AddBOS(), a.AddBOS() && a.BOS() != b.BOS():
		return errors.New("it begins a text with other tokens than the model")
	case a.AddEOS() != b.AddEOS(), a.AddEOS() && a.EOS() != b.EOS():
		return errors.New("it ends a text with other tokens than the model")
	}
	for t := cllama.Token(firstCompared); int(t) < min(a.NTokens(), b.NTokens()); t++ {
		if !a.SameText(b, t) {
			return fmt.Errorf("token %d of its vocabulary is %q, of the model's %q", t, b.Piece(nil, t, true), a.Piece(nil, t, true))
		}
	}
	return nil
}
