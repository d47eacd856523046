//go:build cgo

package llama

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	cllama "github.com/moltbot/moltbot/cgo/llama"
	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/embed"
)

// EmbeddingOptions say how a model that embeds or ranks is to be opened.
type EmbeddingOptions struct {
	Path      string
	Context   int // tokens of one text at most; no more than the model was trained for
	Threads   int
	GPULayers int  // on the GPU, where there is one; -1: all
	MMap      bool // map the file
}

// Embedding is an open model: what an embed.Embedder needs of it, and how a
// reranker reads a pair.
type Embedding struct {
	Backend embed.Backend
	Vocab   engine.Vocab
	Pair    Pair
	// Probability: the first number of a reranker is the relevance, 0 to 1;
	// otherwise it is a score without bounds.
	Probability bool
}

// A batch of several texts: more rows cost more than they bring, since each row
// of a batch is compared with all others.
const (
	embedRows = 512
	embedSeqs = 64
)

var poolings = map[cllama.Pooling]embed.Pooling{
	cllama.PoolingMean: embed.Mean, cllama.PoolingCLS: embed.CLS, cllama.PoolingLast: embed.Last, cllama.PoolingRank: embed.Rank,
}

// OpenEmbedding loads a model that embeds or ranks; it gives up when ctx ends.
// Errors: the model says of itself no pooling, or a classifier that ranks nothing.
func OpenEmbedding(ctx context.Context, o EmbeddingOptions) (*Embedding, error) {
	m, err := cllama.LoadModel(o.Path, cllama.ModelParams{
		GPULayers: o.GPULayers, LoadMode: loadMode(o.MMap),
		Progress: func(float32) bool { return ctx.Err() == nil },
	})
	if err != nil {
		return nil, err
	}
	opened, err := openEmbedding(m, o)
	if err != nil {
		m.Close()
		return nil, err
	}
	return opened, nil
}

func openEmbedding(m *cllama.Model, o EmbeddingOptions) (*Embedding, error) {
	if m.HasEncoder() && m.HasDecoder() {
		return nil, fmt.Errorf("%s translates texts and doesn't embed them", m.Desc())
	}
	if o.Context > m.CtxTrain() {
		return nil, fmt.Errorf("%s knows texts of %d tokens at most, %d were asked for", m.Desc(), m.CtxTrain(), o.Context)
	}
	b, err := newEmbedBackend(m, o)
	if err != nil {
		return nil, err
	}
	e := &Embedding{Backend: b, Vocab: vocab{m.Vocab()}, Pair: newPair(m)}
	if b.shape.Pooling == embed.Rank {
		arch, _ := m.Meta("general.architecture")
		e.Probability, err = checkClassifier(arch, m.ClsLabels(), b.shape.Width)
	}
	if err == nil {
		err = b.warmUp()
	}
	if err != nil {
		b.free()
		return nil, err
	}
	return e, nil
}

// checkClassifier accepts one score, or Qwen3's yes and no, of which llama.cpp
// gives the probabilities (llm_graph_context::build_pooling).
func checkClassifier(arch string, labels []string, outputs int) (probability bool, err error) {
	switch {
	case outputs == 1:
		return false, nil
	case strings.HasPrefix(arch, "qwen3") && slices.Equal(labels, []string{"yes", "no"}):
		return true, nil
	}
	return false, fmt.Errorf("its classifier has %d outputs %q, which rank nothing", outputs, labels)
}

// embedBackend implements embed.Backend.
type embedBackend struct {
	model *cllama.Model
	ctx   *cllama.Context
	batch *cllama.Batch
	shape embed.Shape
}

// newEmbedBackend makes a context that takes any batch in one piece: neither
// pooling nor attention to what follows works across pieces.
func newEmbedBackend(m *cllama.Model, o EmbeddingOptions) (*embedBackend, error) {
	rows := max(embedRows, o.Context)
	x, err := cllama.NewContext(m, cllama.ContextParams{
		Cells: rows, Rows: rows, Seqs: embedSeqs, Threads: o.Threads, ThreadsBatch: o.Threads, Poll: poll,
		Unified: true, Embeddings: true,
	})
	if err != nil {
		return nil, err
	}
	pooling, ok := poolings[x.Pooling()]
	if !ok {
		x.Close()
		return nil, fmt.Errorf("%s doesn't say how to pool, so it is no model for embeddings", m.Desc())
	}
	width := m.NEmbdOut()
	if pooling == embed.Rank {
		width = m.NClsOut()
	}
	shape := embed.Shape{Width: width, Context: o.Context, Rows: embedRows, Seqs: embedSeqs, Pooling: pooling}
	return &embedBackend{model: m, ctx: x, batch: cllama.NewBatch(rows), shape: shape}, nil
}

// Shape implements embed.Backend.
func (b *embedBackend) Shape() embed.Shape { return b.shape }

// Embed implements embed.Backend.
func (b *embedBackend) Embed(seqs [][]embed.Token) ([][]float32, error) {
	b.batch.Clear()
	for s, tokens := range seqs {
		for pos, t := range tokens {
			b.batch.Add(cllama.Token(t), cllama.Pos(pos), cllama.SeqID(s), true)
		}
	}
	b.ctx.Memory().Clear() // of a model with a KV cache; others have nothing to forget
	err := b.ctx.Decode(b.batch)
	switch {
	case errors.Is(err, cllama.ErrAborted):
		return nil, fmt.Errorf("%w: %w", engine.ErrAborted, err)
	case err != nil:
		return nil, err
	}
	vectors := make([][]float32, len(seqs))
	for s := range seqs {
		if vectors[s] = slices.Clone(b.ctx.SeqEmbedding(cllama.SeqID(s))); len(vectors[s]) != b.shape.Width {
			return nil, fmt.Errorf("llama: sequence %d of %d has no embedding", s, len(seqs))
		}
	}
	return vectors, nil
}

// warmUp computes one row, so that the first request doesn't pay for pages and graphs.
func (b *embedBackend) warmUp() error {
	if _, err := b.Embed([][]embed.Token{{0}}); err != nil {
		return fmt.Errorf("llama: first step: %w", err)
	}
	return nil
}

// Abort implements engine.Aborter.
func (b *embedBackend) Abort() { b.ctx.Abort() }

// Close implements embed.Backend.
func (b *embedBackend) Close() {
	b.free()
	b.model.Close()
}

// free frees all but the model.
func (b *embedBackend) free() {
	b.batch.Close()
	b.ctx.Close()
}
