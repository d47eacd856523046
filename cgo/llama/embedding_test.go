package llama

import (
	"slices"
	"testing"
)

func TestEmbeddingsTellTextsApart(t *testing.T) {
	m := openModel(t, "smollm2")
	x := openContext(t, m, small)
	x.SetEmbeddings(true)
	embed := func(text string) []float32 {
		tokens := tokenize(t, m.Vocab(), text)
		x.Memory().Clear()
		feed(t, x, 0, 0, tokens...)
		return slices.Clone(x.Embedding(len(tokens) - 1))
	}
	cat, again, stock := embed("A cat sat."), embed("A cat sat."), embed("Stocks fell today")
	if len(cat) != m.NEmbd() || !slices.Equal(cat, again) || slices.Equal(cat, stock) {
		t.Errorf("%d numbers of %d, equal texts equal: %v, others differ: %v",
			len(cat), m.NEmbd(), slices.Equal(cat, again), !slices.Equal(cat, stock))
	}
	if x.SeqEmbedding(0) != nil {
		t.Error("a model that doesn't pool has an embedding of the sequence")
	}
}

func TestPooledEmbeddingsHaveTheModelsWidth(t *testing.T) {
	for name, want := range map[string]struct {
		pooling Pooling
		width   int
	}{
		"minilm":   {PoolingMean, 384},
		"reranker": {PoolingRank, 1},
	} {
		m := openModel(t, name)
		p := small
		p.Embeddings = true
		x := openContext(t, m, p)
		b := NewBatch(4)
		defer b.Close()
		for i := range 4 {
			b.Add(Token(101+i%2), Pos(i/2), SeqID(i%2), true)
		}
		if err := x.Decode(b); err != nil {
			t.Fatal(err)
		}
		for s := range SeqID(2) {
			if v := x.SeqEmbedding(s); len(v) != want.width || x.Pooling() != want.pooling {
				t.Errorf("%s: sequence %d has %d numbers, pooling %d", name, s, len(v), x.Pooling())
			}
		}
		if x.SeqEmbedding(2) != nil {
			t.Errorf("%s: a sequence that wasn't computed has a vector", name)
		}
	}
}
