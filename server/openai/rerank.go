package openai

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"math"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/models"
)

// rerankRequest is a decoded body of /v1/rerank, in Jina's and Cohere's shape.
type rerankRequest struct {
	model     string
	query     string
	documents []string
	topN      int  // results at most
	repeat    bool // the documents' texts in the answer
}

// rerankBody holds what both APIs tell: usage is Jina's, id and meta are Cohere's.
type rerankBody struct {
	ID      string         `json:"id"`
	Object  string         `json:"object"`
	Model   string         `json:"model"`
	Results []rerankResult `json:"results"`
	Usage   embedUsage     `json:"usage"`
	Meta    rerankMeta     `json:"meta"`
}

// rerankResult is one document; Index counts from 0 as they were sent.
type rerankResult struct {
	Index    int           `json:"index"`
	Score    float64       `json:"relevance_score"` // 0 to 1
	Document *documentBody `json:"document,omitempty"`
}

type documentBody struct {
	Text string `json:"text"`
}

type rerankMeta struct {
	Tokens struct {
		Input int `json:"input_tokens"`
	} `json:"tokens"`
}

// rerank answers POST /v1/rerank.
func (h *Handler) rerank(c echo.Context) error {
	body, err := readBody(c)
	if err != nil {
		return err
	}
	req, err := decodeRerank(body)
	if err != nil {
		return err
	}
	m, err := h.reranker(req.model)
	if err != nil {
		return err
	}
	h.noteEmbedder(c, m)
	pairs, err := req.pairs(m)
	if err != nil {
		return err
	}
	h.logPrompts(c, append([]string{req.query}, req.documents...)...)
	ctx := c.Request().Context()
	scores, err := m.Score(ctx, pairs)
	if err != nil {
		return embedError(ctx, err, documentPath)
	}
	return reply(c, http.StatusOK, req.answer(m.Info().ID, scores, countTokens(pairs)))
}

func documentPath(i int) string { return fmt.Sprintf("documents[%d]", i) }

// decodeRerank reads a body: shape and ranges, nothing else.
func decodeRerank(o object) (rerankRequest, error) {
	r := rerankRequest{
		model:     decodeModel(o.get("model")),
		query:     o.need("query").str(),
		documents: decodeDocuments(o.need("documents")),
		topN:      int(o.get("top_n").integer(1, math.MaxInt32, maxInputs)),
		repeat:    o.get("return_documents").boolean(),
	}
	if r.query == "" {
		o.get("query").fail("invalid_value", "Invalid 'query': empty string. Expected a string with minimum length 1.")
	}
	refuseCutting(o)
	return r, o.first.err()
}

// refuseCutting refuses what would rank a part of a document only.
func refuseCutting(o object) {
	for _, field := range []string{"max_tokens_per_doc", "max_chunks_per_doc", "overlap_tokens", "rank_fields"} {
		if v := o.get(field); v.isSet() {
			v.fail("unsupported_parameter", "Unsupported parameter: '%s'. This server ranks the whole text of each document.", v.path)
		}
	}
	if v := o.get("truncation"); v.isSet() && !isFalse(v) {
		v.fail("unsupported_parameter", "Unsupported value for 'truncation': this server cuts no documents.")
	}
}

// decodeDocuments reads strings, or objects with a text.
func decodeDocuments(v value) []string {
	items := v.items()
	switch {
	case v.isSet() && len(items) == 0:
		v.fail("empty_array", "Invalid 'documents': empty array. Expected an array with minimum length 1, but got an empty array instead.")
	case len(items) > maxInputs:
		v.fail("array_above_max_length", "Invalid 'documents': array too long. Expected an array with maximum length %d, but got an array with length %d instead.", maxInputs, len(items))
		return nil
	}
	texts := make([]string, len(items))
	for i, item := range items {
		switch {
		case item.kind() == "object":
			texts[i] = item.object().need("text").str()
		case item.is("string"):
			texts[i] = item.str()
		}
	}
	return texts
}

// pairs returns what the model reads of the query and each document.
func (r rerankRequest) pairs(m models.Reranker) ([][]engine.Token, error) {
	pairs := make([][]engine.Token, len(r.documents))
	for i, document := range r.documents {
		var err error
		if pairs[i], err = m.Pair(r.query, document); err != nil {
			return nil, badRequest(documentPath(i), "invalid_value", "Invalid '%s': the model's tokeniser refuses it.", documentPath(i))
		}
	}
	return pairs, nil
}

// answer sorts the best first; equals stay in the order in which they were sent.
func (r rerankRequest) answer(model string, scores []float64, u embedUsage) rerankBody {
	results := make([]rerankResult, len(scores))
	for i, score := range scores {
		results[i] = rerankResult{Index: i, Score: score}
		if r.repeat {
			results[i].Document = &documentBody{r.documents[i]}
		}
	}
	slices.SortStableFunc(results, func(a, b rerankResult) int { return cmp.Compare(b.Score, a.Score) })
	body := rerankBody{ID: "rerank-" + rand.Text(), Object: "list", Model: model, Results: results[:min(r.topN, len(results))], Usage: u}
	body.Meta.Tokens.Input = u.Prompt
	return body
}
