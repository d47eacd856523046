package llama

import (
	"errors"
	"fmt"
	"math"
	"slices"

	native "github.com/moltbot/moltbot/cgo/llama"
)

// SpeculativeSampling is Predict with guesses of a second, faster model with
// the same vocabulary: draft proposes up to SetNDraft tokens, and one batch of l
// says which of them it samples itself. The text is l's own.
func (l *LLama) SpeculativeSampling(draft *LLama, text string, opts ...PredictOption) (string, error) {
	if draft == nil || draft == l {
		return "", errors.New("speculative sampling needs a second model")
	}
	po := NewPredictOptions(opts...)
	for _, x := range []*LLama{l, draft} {
		x.mu.Lock()
		defer x.mu.Unlock()
		if err := x.begin(po); err != nil {
			return "", err
		}
	}
	if a, b := l.model.Vocab().NTokens(), draft.model.Vocab().NTokens(); a != b {
		return "", fmt.Errorf("the models have vocabularies of %d and %d tokens", a, b)
	}
	return l.produce(text, po, func(g *generation) error { return g.speculate(draft.mem) })
}

// speculate generates until something ends it.
func (g *generation) speculate(draft *memory) error {
	mem := g.l.mem
	var guesses []native.Token // the last tokens of mem, not yet judged
	for {
		t, right, err := g.judge(guesses)
		if err != nil {
			return err
		}
		if err := mem.rewind(len(mem.past)-len(guesses)+right, g.po.Batch); err != nil {
			return err
		}
		if guesses, err = g.guess(draft, append(slices.Clone(mem.past), t)); err != nil {
			return err
		}
		if err := g.makeRoom(1 + len(guesses)); err != nil {
			return err
		}
		if err := mem.feed(append([]native.Token{t}, guesses...), mem.batch.Cap(), true); err != nil {
			return err
		}
	}
}

// judge samples after each guess as long as the guesses are right. It returns
// the first token that was not guessed, and how many were. Errors: errDone.
func (g *generation) judge(guesses []native.Token) (t native.Token, right int, err error) {
	for ; ; right++ {
		t, err = g.sampler.next(g.l.mem.logits(right - len(guesses) - 1))
		if err != nil {
			return 0, 0, err
		}
		if !g.take(t) {
			return 0, 0, errDone
		}
		if right == len(guesses) || guesses[right] != t {
			return t, right, nil
		}
	}
}

// guess returns what draft would greedily go on with, as long as it is sure.
func (g *generation) guess(draft *memory, tokens []native.Token) (guesses []native.Token, err error) {
	most := min(g.po.NDraft, g.l.mem.batch.Cap()-1)
	if most < 1 || len(tokens)+most > draft.ctx.NCtx() {
		return nil, nil
	}
	draft.resume = true
	if err := draft.prompt(tokens, g.po.Batch); err != nil {
		return nil, err
	}
	for {
		t, sure := likeliest(draft.logits(-1))
		if !sure {
			return guesses, nil
		}
		if guesses = append(guesses, t); len(guesses) == most {
			return guesses, nil
		}
		if err := draft.feed([]native.Token{t}, 1, false); err != nil {
			return nil, err
		}
	}
}

// likeliest returns the token with the highest logit; sure: it is twice as
// likely as any other.
func likeliest(logits []float32) (best native.Token, sure bool) {
	first, second := math.Inf(-1), math.Inf(-1)
	for i, x := range logits {
		switch x := float64(x); {
		case x > first:
			first, second, best = x, first, native.Token(i)
		case x > second:
			second = x
		}
	}
	return best, first-second >= math.Ln2
}
