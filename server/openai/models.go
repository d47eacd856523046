package openai

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/moltbot/moltbot/engine/embed"
	"github.com/moltbot/moltbot/models"
)

// modelBody is a model on the wire: OpenAI's fields, then ours.
type modelBody struct {
	ID            string `json:"id"`
	Object        string `json:"object"`
	Created       int64  `json:"created"` // Unix seconds
	OwnedBy       string `json:"owned_by"`
	State         string `json:"state"`
	ContextLength int    `json:"context_length"` // tokens
	Size          int64  `json:"size"`           // bytes
	Dimensions    int    `json:"dimensions,omitempty"`
	Pooling       string `json:"pooling,omitempty"` // of a model that embeds, or "rank"
	Parent        string `json:"parent,omitempty"`  // the model that a LoRA adapter changes
}

type modelList struct {
	Object string      `json:"object"`
	Data   []modelBody `json:"data"`
}

func newModelBody(i models.Info) modelBody {
	return modelBody{
		ID:            i.ID,
		Object:        "model",
		Created:       i.Created.Unix(),
		OwnedBy:       "moltbot",
		State:         i.State,
		ContextLength: i.ContextLength,
		Size:          i.Size,
		Parent:        i.Parent,
	}
}

// newEmbedderBody tells of a model that embeds or ranks.
func newEmbedderBody(m models.Embedder) modelBody {
	b := newModelBody(m.Info())
	if b.Pooling = string(m.Pooling()); m.Pooling() != embed.Rank {
		b.Dimensions = m.Dimensions()
	}
	return b
}

// listModels answers GET /v1/models.
func (h *Handler) listModels(c echo.Context) error {
	list := modelList{Object: "list", Data: []modelBody{}}
	for _, m := range h.Catalogue.List() {
		list.Data = append(list.Data, newModelBody(m.Info()))
	}
	for _, m := range h.embedders() {
		list.Data = append(list.Data, newEmbedderBody(m))
	}
	return reply(c, http.StatusOK, list)
}

// getModel answers GET /v1/models/{id}. An id may hold slashes, escaped or not.
func (h *Handler) getModel(c echo.Context) error {
	id := c.Param("*")
	if c.Request().URL.RawPath != "" { // then the router saw the path as it was sent
		plain, err := url.PathUnescape(id)
		if err != nil {
			return unknownModel(id)
		}
		id = plain
	}
	if m, ok := h.anyEmbedder(id); ok {
		return reply(c, http.StatusOK, newEmbedderBody(m))
	}
	m, err := h.model(id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, newModelBody(m.Info()))
}
