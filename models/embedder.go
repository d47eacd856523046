package models

import (
	"context"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/embed"
)

// Embedder is a model behind a name that turns texts into vectors.
type Embedder interface {
	Info() Info
	Vocab() engine.Vocab
	// Embed returns a vector for each sequence, shape [len(seqs)][Dimensions].
	// Errors: *embed.TooLongError, *engine.BusyError, engine.ErrClosed, ctx.Err().
	Embed(ctx context.Context, seqs [][]engine.Token) ([][]float32, error)
	Dimensions() int
	Pooling() embed.Pooling
}

// Reranker is an Embedder whose pooling is embed.Rank: it tells how well a
// document answers a query.
type Reranker interface {
	Embedder
	// Pair returns what the model reads of the two.
	Pair(query, document string) ([]engine.Token, error)
	// Score returns the relevance of each pair, 0 to 1. Errors are those of Embed.
	Score(ctx context.Context, pairs [][]engine.Token) ([]float64, error)
}

// Embedders finds models of both kinds by their names on the wire, beside the
// Catalogue of those that write text.
type Embedders interface {
	GetEmbedder(id string) (Embedder, bool)
	ListEmbedders() []Embedder
}

// LocalEmbedder is an Embedder that this process runs.
type LocalEmbedder struct {
	*embed.Embedder
	info  Info
	vocab engine.Vocab
}

// NewLocalEmbedder puts a name on a running embed.Embedder.
func NewLocalEmbedder(info Info, e *embed.Embedder, v engine.Vocab) *LocalEmbedder {
	info.ContextLength = e.Shape().Context
	return &LocalEmbedder{Embedder: e, info: info, vocab: v}
}

// Info implements Embedder.
func (l *LocalEmbedder) Info() Info { return l.info }

// Vocab implements Embedder.
func (l *LocalEmbedder) Vocab() engine.Vocab { return l.vocab }

// Dimensions implements Embedder.
func (l *LocalEmbedder) Dimensions() int { return l.Shape().Width }

// Pooling implements Embedder.
func (l *LocalEmbedder) Pooling() embed.Pooling { return l.Shape().Pooling }

// LocalReranker is a Reranker that this process runs.
type LocalReranker struct {
	*LocalEmbedder
	pair        func(query, document string) ([]engine.Token, error)
	probability bool // the model gives the relevance itself
}

// NewLocalReranker makes a reranker of a model that ranks. probability says that
// its first number is the relevance; otherwise it is a score without bounds.
func NewLocalReranker(l *LocalEmbedder, pair func(query, document string) ([]engine.Token, error), probability bool) *LocalReranker {
	return &LocalReranker{LocalEmbedder: l, pair: pair, probability: probability}
}

// Pair implements Reranker.
func (l *LocalReranker) Pair(query, document string) ([]engine.Token, error) {
	return l.pair(query, document)
}

// Score implements Reranker. A score without bounds becomes a relevance by the
// logistic function, as cross-encoders are trained.
func (l *LocalReranker) Score(ctx context.Context, pairs [][]engine.Token) ([]float64, error) {
	vectors, err := l.Embed(ctx, pairs)
	if err != nil {
		return nil, err
	}
	scores := make([]float64, len(vectors))
	for i, v := range vectors {
		if scores[i] = float64(v[0]); !l.probability {
			scores[i] = embed.Sigmoid(v[0])
		}
	}
	return scores, nil
}
