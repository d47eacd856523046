package openai

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

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
	}
}

// listModels answers GET /v1/models.
func (h *Handler) listModels(c echo.Context) error {
	list := modelList{Object: "list", Data: []modelBody{}}
	for _, m := range h.Catalogue.List() {
		list.Data = append(list.Data, newModelBody(m.Info()))
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
	m, err := h.model(id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, newModelBody(m.Info()))
}
