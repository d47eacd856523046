package openai

import (
	"encoding/json"
	"fmt"
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
	told, err := h.settled(c.Request().Context(), c.Param("id"), k)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, told)
}

// deleteResponse answers DELETE /v1/responses/{id}.
func (h *Handler) deleteResponse(c echo.Context) error {
	ctx, id := c.Request().Context(), c.Param("id")
	tenant := string(CallerFrom(ctx).Partition)
	if err := h.jobs.end(ctx, jobKey(tenant, id), errDeleted); err != nil {
		return err
	}
	k, err := h.stored(c)
	if err != nil {
		return err
	}
	for _, it := range k.Output {
		if _, err := h.Responses.Delete(tenant, it.ID); err != nil {
			return err
		}
	}
	ok, err := h.Responses.Delete(tenant, id)
	if err != nil {
		return err
	}
	if !ok {
		return noResponse(id)
	}
	return reply(c, http.StatusOK, deleted{id, "response", true})
}

// cancelResponse answers POST /v1/responses/{id}/cancel. Only responses in the
// background can be cancelled; a client that leaves ends its own. One that has
// ended stays as it is.
func (h *Handler) cancelResponse(c echo.Context) error {
	ctx, id := c.Request().Context(), c.Param("id")
	if err := h.jobs.end(ctx, jobKey(string(CallerFrom(ctx).Partition), id), errCancelled); err != nil {
		return err
	}
	k, err := h.stored(c)
	if err != nil {
		return err
	}
	var r response
	if err := json.Unmarshal(k.Response, &r); err != nil {
		return fmt.Errorf("reading the response %s: %w", id, err)
	}
	if !r.Background {
		return badRequest("id", "invalid_value", "Cannot cancel a response that is %s: only a response that runs in the background can be cancelled.", r.Status)
	}
	told, err := h.settled(ctx, id, k)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, told)
}

// listInput answers GET /v1/responses/{id}/input_items.
func (h *Handler) listInput(c echo.Context) error {
	k, err := h.stored(c)
	if err != nil {
		return err
	}
	cut, err := newItemPage(k.Input, c.QueryParam("order"), c.QueryParam("after"), c.QueryParam("limit"))
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, cut)
}

// newItemPage cuts a page out of items, which come oldest first; "" is the
// default: the newest first, from the newest, 20 of them.
func newItemPage(items []item, order, after, limit string) (page[item], error) {
	items = slices.Clone(items)
	switch order {
	case "", "desc":
		slices.Reverse(items)
	case "asc":
	default:
		return page[item]{}, badRequest("order", "invalid_value", "Invalid value: '%s'. Supported values are: 'asc' and 'desc'.", shorten(order))
	}
	id := func(it item) string { return it.ID }
	rest, err := behind(items, after, id)
	if err != nil {
		return page[item]{}, err
	}
	most, err := pageLimit(limit)
	if err != nil {
		return page[item]{}, err
	}
	return newPage(rest, most, id), nil
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
