package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"

	"github.com/moltbot/moltbot/internal/testmodel"
)

// reference is what testdata/bert/reference.py computed without llama.cpp.
type reference struct {
	Texts     []struct{ Text, Vector string }
	Query     string
	Documents []struct {
		Text  string
		Score float64
	}
}

const referenceFile = "../testdata/bert/minilm.json"

func readReference(t testing.TB) (r reference) {
	t.Helper()
	b, err := os.ReadFile(referenceFile)
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil || len(r.Texts) == 0 {
		t.Fatalf("%d texts, %v", len(r.Texts), err)
	}
	return r
}

// cosine compares a vector with one in base64 of little-endian floats.
func cosine(t testing.TB, a []float64, b64 string) float64 {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(b64)
	if err != nil || len(b) != 4*len(a) {
		t.Fatalf("%d numbers, %d bytes, %v", len(a), len(b), err)
	}
	var ab, aa, bb float64
	for i, x := range a {
		y := float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return ab / math.Sqrt(aa*bb)
}

const (
	embedder = "all-MiniLM-L6-v2"
	reranker = "made-up-reranker"
)

// embedding starts a server that embeds and ranks too.
func embedding(t testing.TB) *server {
	t.Helper()
	return own(t, "smollm2", nil, "--ctx", "512", "--embedding-model", testmodel.Path(t, "minilm"), "--rerank-model", testmodel.Path(t, "reranker"))
}

func TestEmbeddingsAreTheReferences(t *testing.T) {
	s, want := embedding(t), readReference(t)
	var texts []string
	for _, c := range want.Texts {
		texts = append(texts, c.Text)
	}
	client := s.client()
	got, err := client.Embeddings.New(t.Context(), openai.EmbeddingNewParams{
		Model: embedder, Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: texts},
	})
	if err != nil || len(got.Data) != len(texts) {
		t.Fatalf("%d of %d embeddings, %v", len(got.Data), len(texts), err)
	}
	for i, c := range want.Texts {
		if near := cosine(t, got.Data[i].Embedding, c.Vector); near < 0.99 {
			t.Errorf("%.40q: the cosine with the reference is %f", c.Text, near)
		}
	}
	s.wantAlive(t)
}

func TestModelsOfAnotherKindAreRefused(t *testing.T) {
	s := embedding(t)
	client := s.client()
	for _, id := range []string{embedder, reranker} {
		p := say(s, "Hello", 1)
		p.Model = id
		_, err := client.Chat.Completions.New(t.Context(), p)
		wantError(t, err, 400, "model_not_supported")
	}
	for _, id := range []string{s.model, reranker} {
		_, err := client.Embeddings.New(t.Context(), openai.EmbeddingNewParams{
			Model: id, Input: openai.EmbeddingNewParamsInputUnion{OfString: openai.String("Hello")},
		})
		wantError(t, err, 400, "model_not_supported")
	}
	page, err := client.Models.List(t.Context())
	if err != nil || len(page.Data) != 3 || page.Data[1].ID != embedder || page.Data[2].ID != reranker {
		t.Errorf("models: %+v, %v", page, err)
	}
}

func TestATextTooLongForTheEmbedderIsRefused(t *testing.T) {
	s := embedding(t)
	client := s.client()
	_, err := client.Embeddings.New(t.Context(), openai.EmbeddingNewParams{
		Model: embedder, Input: openai.EmbeddingNewParamsInputUnion{OfString: openai.String(strings.Repeat("word ", 511))},
	})
	if e := wantError(t, err, 400, "context_length_exceeded"); e != nil && !strings.Contains(e.Message, "512 tokens") {
		t.Errorf("got %q", e.Message)
	}
}

// TestRanksAreTheReferences asks in the shape that Jina's and Cohere's clients send.
func TestRanksAreTheReferences(t *testing.T) {
	s, want := embedding(t), readReference(t)
	var documents []string
	for _, d := range want.Documents {
		documents = append(documents, d.Text)
	}
	body, err := json.Marshal(map[string]any{"model": reranker, "query": want.Query, "documents": documents, "return_documents": true})
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(s.url+"/v1/rerank", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	var got struct {
		Results []struct {
			Index    int
			Score    float64 `json:"relevance_score"`
			Document struct{ Text string }
		}
	}
	if err != nil || json.Unmarshal(said, &got) != nil || len(got.Results) != len(documents) {
		t.Fatalf("%s %s %v", res.Status, said, err)
	}
	for i, r := range got.Results {
		if want := 1 / (1 + math.Exp(-want.Documents[r.Index].Score)); math.Abs(r.Score-want) > 0.01 || r.Document.Text != documents[r.Index] {
			t.Errorf("document %d scores %f, want %f", r.Index, r.Score, want)
		}
		if i > 0 && r.Score > got.Results[i-1].Score {
			t.Errorf("result %d is better than the one before it: %s", i, said)
		}
	}
}

// TestOfficialPythonClientEmbeds runs testdata/embeddings.py: that client asks for base64.
func TestOfficialPythonClientEmbeds(t *testing.T) {
	s := embedding(t)
	cmd := exec.CommandContext(t.Context(), python(t, "requirements.txt"), "testdata/embeddings.py", s.url+"/v1", embedder, referenceFile)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

func TestEncodersThatCannotServeAreRefused(t *testing.T) {
	chat, minilm, ranks := testmodel.Path(t, "smollm2"), testmodel.Path(t, "minilm"), testmodel.Path(t, "reranker")
	for what, c := range map[string]struct {
		flags []string
		want  string
	}{
		"a model that writes text":    {[]string{"--embedding-model", chat}, "neither embeds nor ranks"},
		"a reranker that is to embed": {[]string{"--embedding-model", ranks}, "name it with --rerank-model"},
		"an embedder that is to rank": {[]string{"--rerank-model", minilm}, "name it with --embedding-model"},
		"an embedder that is to chat": {[]string{"--model", minilm}, "doesn't write text"},
		"no file":                     {[]string{"--embedding-model", "./none.gguf"}, "--embedding-model"},
	} {
		wantRefusal(t, what, serve(t, append([]string{"--model", chat}, c.flags...)...), c.want)
	}
}
