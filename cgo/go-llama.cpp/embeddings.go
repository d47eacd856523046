package llama

import (
	"errors"
	"fmt"
	"slices"

	native "github.com/moltbot/moltbot/cgo/llama"
)

// ErrNoEmbeddings: New was not told EnableEmbeddings.
var ErrNoEmbeddings = errors.New("model loaded without embeddings")

// Embeddings returns the embedding of a text, shape [n_embd]: the pooled one
// where the model pools, else that of the last token.
func (l *LLama) Embeddings(text string, opts ...PredictOption) ([]float32, error) {
	return l.embed(opts, func() ([]native.Token, error) { return l.tokenize(text) })
}

// TokenEmbeddings returns the embedding of a text that is given as tokens.
func (l *LLama) TokenEmbeddings(tokens []int, opts ...PredictOption) ([]float32, error) {
	return l.embed(opts, func() ([]native.Token, error) {
		out := make([]native.Token, len(tokens))
		for i, t := range tokens {
			if t < 0 || t >= l.model.Vocab().NTokens() {
				return nil, fmt.Errorf("token %d is not in the vocabulary", t)
			}
			out[i] = native.Token(t)
		}
		return out, nil
	})
}

func (l *LLama) embed(opts []PredictOption, tokens func() ([]native.Token, error)) ([]float32, error) {
	po := NewPredictOptions(opts...)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.begin(po); err != nil {
		return nil, err
	}
	if !l.opts.Embeddings {
		return nil, ErrNoEmbeddings
	}
	list, err := tokens()
	if err != nil {
		return nil, err
	}
	return l.mem.embed(list, po.Batch)
}

// embed computes tokens in an empty context. A pooled embedding needs them all
// in one batch.
func (m *memory) embed(tokens []native.Token, chunk int) ([]float32, error) {
	if len(tokens) == 0 || len(tokens) > m.ctx.NCtx() {
		return nil, fmt.Errorf("a text of %d tokens, %d fit: %w", len(tokens), m.ctx.NCtx(), ErrContext)
	}
	m.ctx.SetEmbeddings(true)
	defer m.ctx.SetEmbeddings(false)
	m.truncate(0)
	if err := m.feed(tokens, chunk, true); err != nil {
		return nil, err
	}
	pooled := m.ctx.SeqEmbedding(0)
	if pooled == nil {
		return slices.Clone(m.ctx.Embedding(m.batch.Len() - 1)), nil
	}
	if m.batch.Len() < len(tokens) {
		return nil, fmt.Errorf("a text of %d tokens in batches of %d: %w", len(tokens), m.batch.Len(), ErrContext)
	}
	return slices.Clone(pooled), nil
}
