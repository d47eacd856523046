package llama

import (
	"os"
	"slices"
	"testing"

	"github.com/moltbot/moltbot/internal/testmodel"
)

// TestMain reads the stamp of the libraries, so that go test runs the tests
// anew, and prints no cached result, when the libraries were built anew.
func TestMain(m *testing.M) {
	if _, err := os.ReadFile("../../build/native/stamp"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func openModel(t testing.TB, name string) *Model {
	t.Helper()
	m, err := LoadModel(testmodel.Path(t, name), ModelParams{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// small is a context that every test model fits into. One thread: threads that
// wait for each other are slow where other tests run beside them.
var small = ContextParams{Cells: 512, Rows: 64, Seqs: 4, Threads: 1, ThreadsBatch: 1, Unified: true}

func openContext(t testing.TB, m *Model, p ContextParams) *Context {
	t.Helper()
	x, err := NewContext(m, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.Close)
	return x
}

// feed decodes tokens as one batch from a position on and returns a copy of the last row's logits.
func feed(t testing.TB, x *Context, seq SeqID, from Pos, tokens ...Token) []float32 {
	t.Helper()
	b := NewBatch(len(tokens))
	defer b.Close()
	for i, token := range tokens {
		b.Add(token, from+Pos(i), seq, i == len(tokens)-1)
	}
	if err := x.Decode(b); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(x.Logits(len(tokens) - 1))
}

func tokenize(t testing.TB, v Vocab, text string) []Token {
	t.Helper()
	tokens, err := v.Tokenize(text, true, true)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func argmax(row []float32) Token {
	return Token(slices.Index(row, slices.Max(row)))
}

// greedy generates n tokens after the logits of position pos-1.
func greedy(t testing.TB, x *Context, seq SeqID, pos Pos, row []float32, n int) []Token {
	t.Helper()
	var out []Token
	for range n {
		out = append(out, argmax(row))
		row = feed(t, x, seq, pos, out[len(out)-1])
		pos++
	}
	return out
}

func text(v Vocab, tokens []Token) string {
	var b []byte
	for _, t := range tokens {
		b = v.Piece(b, t, false)
	}
	return string(b)
}
