package openai

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"
)

// stored finds the response that a path names.
func (h *Handler) stored(c echo.Context) (kept, error) {
	id := c.Param("id")
	k, ok, err := h.recall(c.Request().Context(), id)
	if err == nil && !ok {
		err = noResponse(id)
	}
	return k, err
}

// getResponse answers GET /v1/responses/{id}.
func (h *Handler) getResponse(c echo.Context) error {
	for _, name := range []string{"stream", "starting_after"} {
		if v := c.QueryParam(name); v != "" && v != "false" {
			return badRequest(name, "unsupported_parameter", "Unsupported value for '%s': this server tells a finished response as a whole.", name)
		}
	}
	k, err := h.stored(c)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, k.Response)
}

// deleteResponse answers DELETE /v1/responses/{id}.
func (h *Handler) deleteResponse(c echo.Context) error {
	id := c.Param("id")
	if h.Responses == nil {
		return noResponse(id)
	}
	ok, err := h.Responses.Delete(string(CallerFrom(c.Request().Context()).Partition), id)
	if err != nil {
		return err
	}
	if !ok {
		return noResponse(id)
	}
	return reply(c, http.StatusOK, struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Deleted bool   `json:"deleted"`
	}{id, "response", true})
}

// cancelResponse answers POST /v1/responses/{id}/cancel. Only responses in the
// background can be cancelled, and there are none; a client that leaves ends its own.
func (h *Handler) cancelResponse(c echo.Context) error {
	k, err := h.stored(c)
	if err != nil {
		return err
	}
	var r struct{ Status string }
	if err := json.Unmarshal(k.Response, &r); err != nil {
		return err
	}
	return badRequest("id", "invalid_value", "Cannot cancel a response that is %s: only a response that runs in the background can be cancelled.", r.Status)
}

// itemPage is a page of items.
type itemPage struct {
	Object  string  `json:"object"`
	Data    []item  `json:"data"`
	FirstID *string `json:"first_id"`
	LastID  *string `json:"last_id"`
	HasMore bool    `json:"has_more"`
}

// listInput answers GET /v1/responses/{id}/input_items.
func (h *Handler) listInput(c echo.Context) error {
	k, err := h.stored(c)
	if err != nil {
		return err
	}
	page, err := newItemPage(k.Input, c.QueryParam("order"), c.QueryParam("after"), c.QueryParam("limit"))
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, page)
}

// newItemPage cuts a page out of items, which come oldest first; "" is the
// default: the newest first, from the newest, 20 of them.
func newItemPage(items []item, order, after, limit string) (itemPage, error) {
	items = slices.Clone(items)
	switch order {
	case "", "desc":
		slices.Reverse(items)
	case "asc":
	default:
		return itemPage{}, badRequest("order", "invalid_value", "Invalid value: '%s'. Supported values are: 'asc' and 'desc'.", shorten(order))
	}
	if after != "" {
		at := slices.IndexFunc(items, func(it item) bool { return it.ID == after })
		if at < 0 {
			return itemPage{}, badRequest("after", "invalid_value", "Invalid 'after': there is no item '%s'.", shorten(after))
		}
		items = items[at+1:]
	}
	most, err := pageLimit(limit)
	if err != nil {
		return itemPage{}, err
	}
	return cutPage(items, most), nil
}

func cutPage(items []item, most int) itemPage {
	p := itemPage{Object: "list", HasMore: len(items) > most, Data: items[:min(most, len(items))]}
	if n := len(p.Data); n > 0 {
		p.FirstID, p.LastID = &p.Data[0].ID, &p.Data[n-1].ID
	}
	return p
}

// pageLimit reads how many items a page may hold.
func pageLimit(limit string) (int, error) {
	const usual, most = 20, 100
	if limit == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(limit)
	if err != nil || n < 1 || n > most {
		return 0, badRequest("limit", "invalid_value", "Invalid 'limit': expected a whole number from 1 to %d, but got '%s' instead.", most, shorten(limit))
	}
	return n, nil
}
