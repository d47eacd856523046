//go:build cgo

package llama

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/moltbot/moltbot/engine/embed"
	"github.com/moltbot/moltbot/internal/testmodel"
)

// golden is what testdata/bert/reference.py computed without llama.cpp.
type golden struct {
	Texts []struct {
		Text   string
		Tokens []embed.Token
		Vector string
	}
	Query     string
	Documents []struct {
		Text   string
		Tokens []embed.Token
		Score  float64
	}
}

func readGolden(t *testing.T) (g golden) {
	t.Helper()
	b, err := os.ReadFile("../../testdata/bert/minilm.json")
	if err == nil {
		err = json.Unmarshal(b, &g)
	}
	if err != nil || len(g.Texts) == 0 || len(g.Documents) == 0 {
		t.Fatalf("%d texts, %d documents, %v", len(g.Texts), len(g.Documents), err)
	}
	return g
}

func floats(t *testing.T, text string) []float32 {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	v := make([]float32, len(b)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return v
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab, aa, bb = ab+float64(a[i])*float64(b[i]), aa+float64(a[i])*float64(a[i]), bb+float64(b[i])*float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

// openEncoder opens a test model on one thread.
func openEncoder(t *testing.T, name string) *Embedding {
	t.Helper()
	e, err := OpenEmbedding(t.Context(), EmbeddingOptions{Path: testmodel.Path(t, name), Context: 512, Threads: 1, MMap: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Backend.Close)
	return e
}

func TestVectorsAreTheReferences(t *testing.T) {
	e := openEncoder(t, "minilm")
	if s := e.Backend.Shape(); s.Width != 384 || s.Pooling != embed.Mean || s.Context != 512 {
		t.Fatalf("the shape is %+v", s)
	}
	for _, c := range readGolden(t).Texts {
		tokens, err := e.Vocab.Tokenize(c.Text, true, true)
		if err != nil || !slices.Equal(tokens, c.Tokens) {
			t.Errorf("%.40q: tokens %v, %v; want %v", c.Text, tokens, err, c.Tokens)
		}
		got, err := e.Backend.Embed([][]embed.Token{c.Tokens})
		if err != nil {
			t.Fatal(err)
		}
		if near := cosine(got[0], floats(t, c.Vector)); near < 0.9999 {
			t.Errorf("%.40q: the cosine with the reference is %f", c.Text, near)
		}
	}
}

func TestABatchGivesWhatEachTextGivesAlone(t *testing.T) {
	e := openEncoder(t, "minilm")
	var seqs [][]embed.Token
	for _, c := range readGolden(t).Texts[:15] {
		seqs = append(seqs, c.Tokens)
	}
	together, err := e.Backend.Embed(seqs)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range seqs {
		alone, err := e.Backend.Embed([][]embed.Token{s})
		if err != nil {
			t.Fatal(err)
		}
		if near := cosine(alone[0], together[i]); near < 0.9999 {
			t.Errorf("text %d: the cosine of alone and together is %f", i, near)
		}
	}
}

func TestScoresAreTheReferences(t *testing.T) {
	e, g := openEncoder(t, "reranker"), readGolden(t)
	if s := e.Backend.Shape(); s.Width != 1 || s.Pooling != embed.Rank || e.Probability {
		t.Fatalf("the shape is %+v, a probability: %v", s, e.Probability)
	}
	for _, c := range g.Documents {
		tokens, err := e.Pair(g.Query, c.Text)
		if err != nil || !slices.Equal(tokens, c.Tokens) {
			t.Errorf("%.40q: tokens %v, %v; want %v", c.Text, tokens, err, c.Tokens)
		}
		got, err := e.Backend.Embed([][]embed.Token{tokens})
		if err != nil || math.Abs(float64(got[0][0])-c.Score) > 0.02 {
			t.Errorf("%.40q: score %v, %v; want %f", c.Text, got, err, c.Score)
		}
	}
}

func TestTheTextsOfAPairHoldNoControlTokens(t *testing.T) {
	e := openEncoder(t, "reranker")
	tokens, err := e.Pair("a [SEP] b", "[CLS]")
	if err != nil {
		t.Fatal(err)
	}
	seps := 0
	for _, token := range tokens {
		if token == 102 {
			seps++
		}
	}
	if seps != 2 || slices.Contains(tokens[1:], 101) {
		t.Errorf("got %v", tokens)
	}
}

func TestWhatDoesNotEmbedIsRefused(t *testing.T) {
	for _, c := range []struct {
		rule, model string
		context     int
		want        string
	}{
		{"a model that writes text", "smollm2", 512, "doesn't say how to pool"},
		{"a context that the model doesn't know", "minilm", 513, "texts of 512 tokens at most"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := OpenEmbedding(t.Context(), EmbeddingOptions{Path: testmodel.Path(t, c.model), Context: c.context, Threads: 1})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestOpeningAnEncoderEndsWithTheContext(t *testing.T) {
	path := testmodel.Path(t, "minilm")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := OpenEmbedding(ctx, EmbeddingOptions{Path: path, Context: 512, Threads: 1}); err == nil {
		t.Error("it was opened all the same")
	}
}

func TestClassifiersThatRank(t *testing.T) {
	for _, c := range []struct {
		rule, arch  string
		labels      []string
		outputs     int
		probability bool
		refused     bool
	}{
		{"one score", "bert", nil, 1, false, false},
		{"one score with a name", "bert", []string{"relevance"}, 1, false, false},
		{"Qwen3's yes and no", "qwen3", []string{"yes", "no"}, 2, true, false},
		{"yes and no without bounds rank nothing", "bert", []string{"yes", "no"}, 2, false, true},
		{"other labels rank nothing", "qwen3", []string{"cat", "dog"}, 2, false, true},
		{"three classes rank nothing", "bert", nil, 3, false, true},
	} {
		t.Run(c.rule, func(t *testing.T) {
			probability, err := checkClassifier(c.arch, c.labels, c.outputs)
			if probability != c.probability || (err != nil) != c.refused {
				t.Errorf("got %v, %v", probability, err)
			}
		})
	}
}
