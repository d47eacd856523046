package server_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/embed"
	"github.com/moltbot/moltbot/engine/enginetest"
	"github.com/moltbot/moltbot/server/malformed"
)

const (
	embedPath  = "/v1/embeddings"
	rerankPath = "/v1/rerank"
)

// withEmbedders serves the toy that writes and the toys that embed and rank.
func withEmbedders(t testing.TB, queue int, before func(int, [][]engine.Token) error) (*rig, *enginetest.Embedders) {
	t.Helper()
	toys := enginetest.StartEmbedders(t, queue, before)
	return start(t, func(c *config) { c.server.Embedders = toys }), toys
}

// toyEmbedding is the vector that the toy gives for a text.
func toyEmbedding(t testing.TB, text string, dimensions int) []float32 {
	t.Helper()
	tokens, err := enginetest.Vocab{}.Tokenize(text, true, true)
	if err != nil {
		t.Fatal(err)
	}
	return embed.Shorten(embed.Shorten(enginetest.ToyVector(tokens, 8), 8), dimensions)
}

type embeddings struct {
	Object, Model string
	Data          []struct {
		Object    string
		Index     int
		Embedding json.RawMessage
	}
	Usage struct {
		Prompt int `json:"prompt_tokens"`
		Total  int `json:"total_tokens"`
	}
}

// vector reads an embedding in either encoding.
func vector(t testing.TB, raw json.RawMessage) (v []float32) {
	t.Helper()
	if json.Unmarshal(raw, &v) == nil {
		return v
	}
	var b []byte // encoding/json reads base64
	if err := json.Unmarshal(raw, &b); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	for ; len(b) > 0; b = b[4:] {
		v = append(v, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return v
}

func (a answer) embeddings(t testing.TB) (e embeddings) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &e); err != nil || a.status != 200 {
		t.Fatalf("%d %s, %v", a.status, a.body, err)
	}
	return e
}

func near(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Abs(float64(x-y)) < 1e-6 })
}

func TestEmbeddings(t *testing.T) {
	r, _ := withEmbedders(t, 64, nil)
	for _, c := range []struct {
		rule, input, more string
		texts             []string
		dimensions        int
	}{
		{"a string", `"hello"`, ``, []string{"hello"}, 8},
		{"an array of strings keeps its order", `["b", "a", "b", " "]`, ``, []string{"b", "a", "b", " "}, 8},
		{"an array of tokens is taken as it is", `[256, 104, 105]`, ``, []string{"hi"}, 8},
		{"arrays of tokens", `[[256, 104], [256, 105]]`, ``, []string{"h", "i"}, 8},
		{"in base64", `["a", "é"]`, `, "encoding_format": "base64"`, []string{"a", "é"}, 8},
		{"as numbers, when that is said", `"a"`, `, "encoding_format": "float"`, []string{"a"}, 8},
		{"fewer dimensions are cut and of length 1 again", `"a"`, `, "dimensions": 3`, []string{"a"}, 3},
		{"so in base64", `"a"`, `, "dimensions": 1, "encoding_format": "base64"`, []string{"a"}, 1},
		{"all dimensions", `"a"`, `, "dimensions": 8, "user": "u"`, []string{"a"}, 8},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got := r.post(embedPath, `{"model": "toy-embed", "input": `+c.input+c.more+`}`).embeddings(t)
			if len(got.Data) != len(c.texts) || got.Object != "list" || got.Model != "toy-embed" {
				t.Fatalf("got %+v", got)
			}
			tokens := 0
			for i, text := range c.texts {
				d := got.Data[i]
				if v := vector(t, d.Embedding); !near(v, toyEmbedding(t, text, c.dimensions)) || d.Index != i || d.Object != "embedding" {
					t.Errorf("%q: got %d, %v", text, d.Index, v)
				}
				tokens += 1 + len(text)
			}
			if got.Usage.Prompt != tokens || got.Usage.Total != tokens {
				t.Errorf("usage: %+v, want %d tokens", got.Usage, tokens)
			}
		})
	}
}

func TestEmbeddingsRefuse(t *testing.T) {
	r, _ := withEmbedders(t, 64, nil)
	for _, c := range []struct{ rule, body, param, code string }{
		{"no model", `{"input": "a"}`, "model", "missing_required_parameter"},
		{"no input", `{"model": "toy-embed"}`, "input", "missing_required_parameter"},
		{"an input of nothing", `{"model": "toy-embed", "input": null}`, "input", "missing_required_parameter"},
		{"an empty text", `{"model": "toy-embed", "input": ""}`, "input", "invalid_value"},
		{"an empty text among others", `{"model": "toy-embed", "input": ["a", ""]}`, "input[1]", "invalid_value"},
		{"no texts", `{"model": "toy-embed", "input": []}`, "input", "empty_array"},
		{"no tokens", `{"model": "toy-embed", "input": [[]]}`, "input[0]", "empty_array"},
		{"an object", `{"model": "toy-embed", "input": {}}`, "input", "invalid_type"},
		{"kinds that mix", `{"model": "toy-embed", "input": ["a", 1]}`, "input[1]", "invalid_type"},
		{"a token that isn't there", `{"model": "toy-embed", "input": [258]}`, "input", "invalid_value"},
		{"too many texts", `{"model": "toy-embed", "input": ["a"` + strings.Repeat(`,"a"`, 2048) + `]}`, "input", "array_above_max_length"},
		{"a text too long", `{"model": "toy-embed", "input": ["a", "` + strings.Repeat("x", 64) + `"]}`, "input[1]", "context_length_exceeded"},
		{"more dimensions than there are", `{"model": "toy-embed", "input": "a", "dimensions": 9}`, "dimensions", "integer_above_max_value"},
		{"no dimensions", `{"model": "toy-embed", "input": "a", "dimensions": 0}`, "dimensions", "integer_below_min_value"},
		{"an unknown encoding", `{"model": "toy-embed", "input": "a", "encoding_format": "hex"}`, "encoding_format", "invalid_value"},
		{"a model that writes text", `{"model": "toy", "input": "a"}`, "model", "model_not_supported"},
		{"a model that ranks", `{"model": "toy-rank", "input": "a"}`, "model", "model_not_supported"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r.post(embedPath, c.body).wantError(t, 400, "invalid_request_error", c.param, c.code)
		})
	}
	r.post(embedPath, `{"model": "nobody", "input": "a"}`).wantError(t, 404, "invalid_request_error", "model", "model_not_found")
	a := r.post(embedPath, `{"model": "toy-embed", "input": "`+strings.Repeat("x", 64)+`"}`)
	if want := "This model's maximum context length is 64 tokens. However, you requested 65 tokens (in input). Please reduce its length."; !strings.Contains(a.body, want) {
		t.Errorf("got %s, want %s", a.body, want)
	}
}

func TestModelsThatEmbedWriteNoText(t *testing.T) {
	r, _ := withEmbedders(t, 64, nil)
	for id, path := range map[string]string{"toy-embed": embedPath, "toy-rank": rerankPath} {
		for _, a := range []answer{
			r.post(chatPath, strings.Replace(sayHi(""), `"toy"`, `"`+id+`"`, 1)),
			r.post("/v1/completions", `{"model": "`+id+`", "prompt": "a"}`),
		} {
			a.wantError(t, 400, "invalid_request_error", "model", "model_not_supported")
			if !strings.Contains(a.body, path) {
				t.Errorf("it doesn't say what the model is for: %s", a.body)
			}
		}
	}
}

func TestEmbeddersAreListed(t *testing.T) {
	r, _ := withEmbedders(t, 64, nil)
	list := r.do("GET", "/v1/models", "").body
	for id, want := range map[string]string{
		"toy-embed": `"context_length":64,"size":1,"dimensions":8,"pooling":"mean"}`,
		"toy-rank":  `"context_length":64,"size":1,"pooling":"rank"}`,
	} {
		one := r.do("GET", "/v1/models/"+id, "")
		if one.status != 200 || !strings.Contains(one.body, want) || !strings.Contains(list, strings.TrimSpace(one.body)) {
			t.Errorf("%s: %d %s in %s", id, one.status, one.body, list)
		}
	}
}

func TestOfficialClientEmbeds(t *testing.T) {
	r, _ := withEmbedders(t, 64, nil)
	client := r.client()
	got, err := client.Embeddings.New(t.Context(), openai.EmbeddingNewParams{
		Model: "toy-embed", Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a", "b"}}, Dimensions: openai.Int(4),
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range []string{"a", "b"} {
		for k, x := range toyEmbedding(t, text, 4) {
			if math.Abs(got.Data[i].Embedding[k]-float64(x)) > 1e-6 {
				t.Errorf("%q: got %v", text, got.Data[i].Embedding)
			}
		}
	}
	fits[openai.CreateEmbeddingResponse](t, "embeddings", got.RawJSON())
}

func TestABusyEmbedderIs429(t *testing.T) {
	entered, open := make(chan struct{}), make(chan struct{})
	r, _ := withEmbedders(t, 1, func(batch int, _ [][]engine.Token) error {
		if batch == 1 {
			close(entered)
			<-open
		}
		return nil
	})
	body := `{"model": "toy-embed", "input": "a"}`
	first := make(chan answer, 1)
	go func() { first <- r.post(embedPath, body) }()
	<-entered
	if h := r.health(); h.Running != 1 {
		t.Errorf("health: %+v", h)
	}
	a := r.post(embedPath, body)
	a.wantError(t, 429, "rate_limit_error", "", "rate_limit_exceeded")
	if a.header.Get("Retry-After") == "" {
		t.Errorf("headers: %v", a.header)
	}
	close(open)
	if a := <-first; a.status != 200 {
		t.Errorf("the first: %s", a.body)
	}
}

func TestAClientThatLeavesAnEmbeddingIsForgotten(t *testing.T) {
	entered, open := make(chan struct{}), make(chan struct{})
	r, toys := withEmbedders(t, 9, func(batch int, _ [][]engine.Token) error {
		if batch == 1 {
			close(entered)
			<-open
		}
		return nil
	})
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := r.tryOpen(ctx, embedPath, `{"model": "toy-embed", "input": [`+strings.Repeat(`"a", `, 99)+`"a"]}`)
		left <- err
	}()
	<-entered
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	r.until("the log tells", func() bool { return strings.Contains(r.log.String(), `"status":499`) })
	close(open)
	r.post(embedPath, `{"model": "toy-embed", "input": "b"}`).embeddings(t)
	if n := len(toys.Embed.Batches()); n != 2 {
		t.Errorf("%d batches were computed, for nobody but one", n)
	}
}

func TestAFailingEmbedderIsAnInternalError(t *testing.T) {
	r, _ := withEmbedders(t, 9, func(int, [][]engine.Token) error { return errors.New("secret") })
	a := r.post(embedPath, `{"model": "toy-embed", "input": "a"}`)
	a.wantError(t, 500, "server_error", "", "internal_error")
	if strings.Contains(a.body, "secret") {
		t.Errorf("got %s", a.body)
	}
}

func TestMalformedEmbeddingsAndRanks(t *testing.T) {
	toys := enginetest.StartEmbedders(t, 4096, nil)
	r := start(t, func(c *config) { c.server.Embedders, c.server.Log = toys, zerolog.Nop() })
	for path, body := range map[string]string{embedPath: malformed.Embedding("toy-embed"), rerankPath: malformed.Rerank("toy-rank")} {
		if a := r.post(path, body); a.status != 200 {
			t.Errorf("the whole of it is well formed: %s", a.body)
		}
	}
	bodies := malformed.EmbedderBodies("toy-embed", "toy-rank")
	for _, b := range bodies {
		if a := r.post(b.Path, b.Text); a.status >= 500 || a.status != 200 && !strings.HasPrefix(a.body, `{"error":{"message":`) {
			t.Errorf("%s %.300s: %d %s", b.Path, b.Text, a.status, a.body)
		}
	}
	if len(bodies) < 500 {
		t.Errorf("only %d were sent", len(bodies))
	}
	r.wantAlive()
}

func TestBase64IsOfLittleEndianFloats(t *testing.T) {
	r, _ := withEmbedders(t, 9, nil)
	got := r.post(embedPath, `{"model": "toy-embed", "input": "a", "encoding_format": "base64", "dimensions": 1}`).embeddings(t)
	one := base64.StdEncoding.EncodeToString([]byte{0, 0, 0x80, 0x3f}) // 1, or -1
	if v := string(got.Data[0].Embedding); v != `"`+one+`"` && v != `"AACAvw=="` {
		t.Errorf("got %s", v)
	}
}
