package server_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/moltbot/moltbot/engine/embed"
)

type ranks struct {
	ID, Object, Model string
	Results           []struct {
		Index    int
		Score    float64 `json:"relevance_score"`
		Document *struct{ Text string }
	}
	Usage struct {
		Total int `json:"total_tokens"`
	}
	Meta struct {
		Tokens struct {
			Input int `json:"input_tokens"`
		}
	}
}

func (a answer) ranks(t testing.TB) (r ranks) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &r); err != nil || a.status != 200 {
		t.Fatalf("%d %s, %v", a.status, a.body, err)
	}
	return r
}

const documents = `"documents": ["xyz", {"text": "abcd"}, "ab", {"text": "ba"}]`

func TestRerank(t *testing.T) {
	r, _ := withEmbedders(t, 64, nil)
	for _, c := range []struct {
		rule, more string
		want       []int
		repeated   bool
	}{
		{"the best comes first, equals in their order", ``, []int{1, 2, 3, 0}, false},
		{"only so many are told", `, "top_n": 2`, []int{1, 2}, false},
		{"more than there are is all", `, "top_n": 9`, []int{1, 2, 3, 0}, false},
		{"documents are repeated when that is said", `, "return_documents": true`, []int{1, 2, 3, 0}, true},
		{"or not", `, "return_documents": false, "truncation": false`, []int{1, 2, 3, 0}, false},
	} {
		t.Run(c.rule, func(t *testing.T) {
			for _, path := range []string{rerankPath, "/v2/rerank", "/rerank"} {
				got := r.post(path, `{"model": "toy-rank", "query": "abc", `+documents+c.more+`}`).ranks(t)
				if len(got.Results) != len(c.want) || got.Model != "toy-rank" || got.ID == "" {
					t.Fatalf("got %+v", got)
				}
				for i, result := range got.Results {
					if result.Index != c.want[i] || (result.Document != nil) != c.repeated {
						t.Errorf("result %d: %+v", i, result)
					}
				}
				if c.repeated && got.Results[0].Document.Text != "abcd" {
					t.Errorf("got %+v", got.Results[0].Document)
				}
				const tokens = 4*5 + 3 + 4 + 2 + 2
				if got.Usage.Total != tokens || got.Meta.Tokens.Input != tokens {
					t.Errorf("usage %+v, meta %+v, want %d tokens", got.Usage, got.Meta, tokens)
				}
			}
		})
	}
}

func TestRelevanceIsBetweenZeroAndOne(t *testing.T) {
	r, _ := withEmbedders(t, 64, nil)
	got := r.post(rerankPath, `{"model": "toy-rank", "query": "abc", "documents": ["cab", "xyz"]}`).ranks(t)
	if math.Abs(got.Results[0].Score-embed.Sigmoid(2)) > 1e-9 || math.Abs(got.Results[1].Score-embed.Sigmoid(-2)) > 1e-9 {
		t.Errorf("got %+v", got.Results)
	}
}

func TestRerankRefuses(t *testing.T) {
	r, _ := withEmbedders(t, 64, nil)
	long := strings.Repeat("x", 64)
	ask := func(fields string) string { return `{"model": "toy-rank", ` + fields + `}` }
	for _, c := range []struct{ rule, body, param, code string }{
		{"no model", `{"query": "a", "documents": ["a"]}`, "model", "missing_required_parameter"},
		{"no query", ask(`"documents": ["a"]`), "query", "missing_required_parameter"},
		{"an empty query", ask(`"query": "", "documents": ["a"]`), "query", "invalid_value"},
		{"no documents", ask(`"query": "a"`), "documents", "missing_required_parameter"},
		{"none at all", ask(`"query": "a", "documents": []`), "documents", "empty_array"},
		{"too many", ask(`"query": "a", "documents": ["a"` + strings.Repeat(`,"a"`, 2048) + `]`), "documents", "array_above_max_length"},
		{"a number", ask(`"query": "a", "documents": ["a", 1]`), "documents[1]", "invalid_type"},
		{"an image", ask(`"query": "a", "documents": [{"image": "x"}]`), "documents[0].text", "missing_required_parameter"},
		{"no results", ask(`"query": "a", "documents": ["a"], "top_n": 0`), "top_n", "integer_below_min_value"},
		{"a document too long", ask(`"query": "a", "documents": ["a", "` + long + `"]`), "documents[1]", "context_length_exceeded"},
		{"a cut that is asked for", ask(`"query": "a", "documents": ["a"], "max_tokens_per_doc": 5`), "max_tokens_per_doc", "unsupported_parameter"},
		{"another way to ask for it", ask(`"query": "a", "documents": ["a"], "truncation": true`), "truncation", "unsupported_parameter"},
		{"a model that writes text", `{"model": "toy", "query": "a", "documents": ["a"]}`, "model", "model_not_supported"},
		{"a model that embeds", `{"model": "toy-embed", "query": "a", "documents": ["a"]}`, "model", "model_not_supported"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r.post(rerankPath, c.body).wantError(t, 400, "invalid_request_error", c.param, c.code)
		})
	}
	r.post(rerankPath, `{"model": "nobody", "query": "a", "documents": ["a"]}`).wantError(t, 404, "invalid_request_error", "model", "model_not_found")
}

func TestWithoutEmbeddersNothingIsEmbedded(t *testing.T) {
	r := start(t, nil)
	r.post(embedPath, `{"model": "toy", "input": "a"}`).wantError(t, 400, "invalid_request_error", "model", "model_not_supported")
	r.post(rerankPath, `{"model": "toy", "query": "a", "documents": ["a"]}`).wantError(t, 400, "invalid_request_error", "model", "model_not_supported")
	r.post(embedPath, `{"model": "x", "input": "a"}`).wantError(t, 404, "invalid_request_error", "model", "model_not_found")
}
