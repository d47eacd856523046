package enginetest

import (
	"context"
	"hash/fnv"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/embed"
	"github.com/moltbot/moltbot/models"
)

// EmbedToy is an embed.Backend. A batch that can't be right fails the test.
type EmbedToy struct {
	shape embed.Shape
	t     Reporter

	// Before, when set, is called before each batch with its number (from 1); an
	// error is what Embed answers. Set it before the embedder starts.
	Before func(batch int, seqs [][]engine.Token) error

	mu      sync.Mutex
	batches [][][]engine.Token
	aborted chan struct{}
	once    sync.Once
}

// NewEmbedToy returns a toy of that shape.
func NewEmbedToy(t Reporter, shape embed.Shape) *EmbedToy {
	return &EmbedToy{shape: shape, t: t, aborted: make(chan struct{})}
}

// Shape implements embed.Backend.
func (b *EmbedToy) Shape() embed.Shape { return b.shape }

// Embed implements embed.Backend.
func (b *EmbedToy) Embed(seqs [][]engine.Token) ([][]float32, error) {
	b.mu.Lock()
	b.batches = append(b.batches, seqs)
	n := len(b.batches)
	b.mu.Unlock()
	b.check(seqs)
	if b.Before != nil {
		if err := b.Before(n, seqs); err != nil {
			return nil, err
		}
	}
	out := make([][]float32, len(seqs))
	for i, s := range seqs {
		out[i] = b.vector(s)
	}
	return out, nil
}

func (b *EmbedToy) check(seqs [][]engine.Token) {
	rows := 0
	for _, s := range seqs {
		rows += len(s)
		if len(s) == 0 || len(s) > b.shape.Context {
			b.t.Errorf("toy: a sequence of %d tokens, 1 to %d fit", len(s), b.shape.Context)
		}
	}
	if len(seqs) == 0 || len(seqs) > b.shape.Seqs || len(seqs) > 1 && rows > b.shape.Rows {
		b.t.Errorf("toy: a batch of %d sequences and %d rows, %d and %d fit", len(seqs), rows, b.shape.Seqs, b.shape.Rows)
	}
}

func (b *EmbedToy) vector(s []engine.Token) []float32 {
	if b.shape.Pooling == embed.Rank {
		return []float32{overlap(s)}
	}
	return ToyVector(s, b.shape.Width)
}

// ToyVector is what the toy makes of a sequence, before it is normalised.
func ToyVector(s []engine.Token, width int) []float32 {
	v := make([]float32, width)
	h := fnv.New32a()
	for _, t := range s {
		h.Write([]byte{byte(t), byte(t >> 8)})
	}
	for i := range v {
		h.Write([]byte{byte(i)})
		v[i] = float32(h.Sum32()%2001)/1000 - 1
	}
	return v
}

// overlap scores a pair: -2 when the document has no byte of the query, 2 when it has all.
func overlap(pair []engine.Token) float32 {
	cut := slices.Index(pair, EOS)
	query, document := pair[1:cut], pair[cut+1:]
	found := 0
	for _, t := range query {
		if slices.Contains(document, t) {
			found++
		}
	}
	return 4*float32(found)/float32(max(1, len(query))) - 2
}

// Abort implements engine.Aborter.
func (b *EmbedToy) Abort() { b.once.Do(func() { close(b.aborted) }) }

// Aborted is closed when the batch that runs is to end.
func (b *EmbedToy) Aborted() <-chan struct{} { return b.aborted }

// Close implements embed.Backend.
func (b *EmbedToy) Close() {}

// Batches returns the sequences of each batch so far.
func (b *EmbedToy) Batches() [][][]engine.Token {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.batches)
}

// Embedders is a models.Embedders of two toys: "toy-embed" and "toy-rank".
type Embedders struct {
	Embed, Rank *EmbedToy
	all         []models.Embedder
}

// StartEmbedders runs both until the test ends; before is called before each batch.
func StartEmbedders(t testing.TB, queue int, before func(int, [][]engine.Token) error) *Embedders {
	t.Helper()
	e := &Embedders{
		Embed: NewEmbedToy(t, embed.Shape{Width: 8, Context: 64, Rows: 32, Seqs: 4, Pooling: embed.Mean}),
		Rank:  NewEmbedToy(t, embed.Shape{Width: 1, Context: 64, Rows: 32, Seqs: 4, Pooling: embed.Rank}),
	}
	start := func(id string, toy *EmbedToy) *models.LocalEmbedder {
		toy.Before = before
		running := embed.New(toy, embed.Config{Queue: queue})
		t.Cleanup(func() { CloseEmbedder(t, running) })
		return models.NewLocalEmbedder(models.Info{ID: id, Created: time.Unix(1700000000, 0), Size: 1, State: "ready"}, running, Vocab{})
	}
	e.all = []models.Embedder{start("toy-embed", e.Embed), models.NewLocalReranker(start("toy-rank", e.Rank), toyPair, false)}
	return e
}

// toyPair is BOS, the query, EOS, the document.
func toyPair(query, document string) ([]engine.Token, error) {
	first, err := Vocab{}.Tokenize(query, true, false)
	if err != nil {
		return nil, err
	}
	second, err := Vocab{}.Tokenize(document, false, false)
	return slices.Concat(first, []engine.Token{EOS}, second), err
}

// CloseEmbedder ends an embedder, at once if a request still runs.
func CloseEmbedder(t testing.TB, e *embed.Embedder) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	e.Close(ctx)
}

// GetEmbedder implements models.Embedders.
func (e *Embedders) GetEmbedder(id string) (models.Embedder, bool) {
	for _, m := range e.all {
		if m.Info().ID == id {
			return m, true
		}
	}
	return nil, false
}

// ListEmbedders implements models.Embedders.
func (e *Embedders) ListEmbedders() []models.Embedder { return e.all }
