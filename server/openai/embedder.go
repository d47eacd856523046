package openai

import (
	"context"
	"errors"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/embed"
	"github.com/moltbot/moltbot/models"
)

const (
	maxInputs     = 2048 // texts of one request
	codeWrongKind = "model_not_supported"
)

// embedders lists the models that embed or rank.
func (h *Handler) embedders() []models.Embedder {
	if h.Embedders == nil {
		return nil
	}
	return h.Embedders.ListEmbedders()
}

// anyEmbedder finds a model that embeds or ranks by its name on the wire.
func (h *Handler) anyEmbedder(id string) (models.Embedder, bool) {
	if h.Embedders == nil {
		return nil, false
	}
	return h.Embedders.GetEmbedder(id)
}

// embedder finds a model that embeds.
func (h *Handler) embedder(id string) (models.Embedder, error) {
	m, ok := h.anyEmbedder(id)
	if ok && m.Pooling() != embed.Rank {
		return m, nil
	}
	return nil, h.wrongKind(id, "embeds no texts", func(m models.Embedder) bool { return m.Pooling() != embed.Rank })
}

// reranker finds a model that ranks documents.
func (h *Handler) reranker(id string) (models.Reranker, error) {
	if m, ok := h.anyEmbedder(id); ok {
		if r, ok := m.(models.Reranker); ok {
			return r, nil
		}
	}
	return nil, h.wrongKind(id, "ranks no documents", func(m models.Embedder) bool { _, ok := m.(models.Reranker); return ok })
}

// noWriter is the error for a name that no model which writes text has.
func (h *Handler) noWriter(id string) error {
	m, ok := h.anyEmbedder(id)
	if !ok {
		return unknownModel(id)
	}
	path := "/v1/embeddings"
	if m.Pooling() == embed.Rank {
		path = "/v1/rerank"
	}
	return badRequest("model", codeWrongKind, "The model '%s' writes no text: it is for %s.", shorten(id), path)
}

// wrongKind tells a model that can't do this from one that isn't there, and names one that can.
func (h *Handler) wrongKind(id, lacks string, can func(models.Embedder) bool) error {
	_, embeds := h.anyEmbedder(id)
	_, writes := h.Catalogue.Get(id)
	if !embeds && !writes {
		return unknownModel(id)
	}
	for _, m := range h.embedders() {
		if can(m) {
			return badRequest("model", codeWrongKind, "The model '%s' %s. Use '%s'.", shorten(id), lacks, m.Info().ID)
		}
	}
	return badRequest("model", codeWrongKind, "The model '%s' %s, and this server has no model that does.", shorten(id), lacks)
}

// embedError puts what went wrong into the words of the request; place names a
// sequence in the body.
func embedError(ctx context.Context, err error, place func(int) string) error {
	if e, ok := errors.AsType[*embed.TooLongError](err); ok {
		path := place(e.Index)
		return badRequest(path, "context_length_exceeded",
			"This model's maximum context length is %d tokens. However, you requested %d tokens (in %s). Please reduce its length.", e.Limit, e.Tokens, path)
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// embedUsage counts the tokens that were read.
type embedUsage struct {
	Prompt int `json:"prompt_tokens"`
	Total  int `json:"total_tokens"`
}

func countTokens(seqs [][]engine.Token) embedUsage {
	n := 0
	for _, s := range seqs {
		n += len(s)
	}
	return embedUsage{n, n}
}
