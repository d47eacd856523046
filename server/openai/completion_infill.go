package openai

import (
	"slices"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/models"
)

// infiller is a Vocab that has tokens for a gap in a text; ok is false where the
// model was not taught to fill one.
type infiller interface {
	Infill() (prefix, suffix, middle engine.Token, ok bool)
}

// tokenise returns what a model reads of one prompt: the prompt itself, or, with a
// suffix, both sides of the gap.
func (r completionRequest) tokenise(p prompt, m models.Model) ([]engine.Token, error) {
	if r.suffix == "" {
		return p.tokenise(m.Vocab())
	}
	v, ok := m.Vocab().(infiller)
	if !ok {
		return nil, noInfill(m)
	}
	prefix, suffix, middle, ok := v.Infill()
	if !ok {
		return nil, noInfill(m)
	}
	sides, err := r.sides(p, m.Vocab())
	if err != nil {
		return nil, err
	}
	return slices.Concat(sides[0], []engine.Token{prefix}, sides[1], []engine.Token{suffix}, sides[2], []engine.Token{middle}), nil
}

// sides returns the tokens that any text begins with, those before the gap and
// those behind it. Both sides are data: no control token is read in them. The order
// is that of llama-server (tools/server/server-common.cpp, format_prompt_infill).
func (r completionRequest) sides(p prompt, v engine.Vocab) (sides [3][]engine.Token, err error) {
	for i, text := range []string{"", p.text, r.suffix} {
		if sides[i], err = v.Tokenize(text, i == 0, false); err != nil {
			return sides, badRequest(p.path, "invalid_value", "Invalid '%s': the model's tokeniser refuses it or the suffix.", p.path)
		}
	}
	if p.tokens != nil {
		sides[1] = p.tokens
	}
	return sides, p.checkTokens(v.Len())
}

func noInfill(m models.Model) error {
	return badRequest("suffix", "unsupported_parameter", "Unsupported value for 'suffix': the model '%s' has no tokens for filling in text; choose a model that was trained to fill in the middle.", m.Info().ID)
}
