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
