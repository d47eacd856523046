package openai

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// storedChatRoutes adds the endpoints of stored chat completions.
func (h *Handler) storedChatRoutes(e *echo.Echo, m ...echo.MiddlewareFunc) {
	e.GET(chatPath, h.listChats, m...)
	e.GET(chatPath+"/:id", h.getChat, m...)
	e.POST(chatPath+"/:id", h.updateChat, m...)
	e.DELETE(chatPath+"/:id", h.deleteChat, m...)
	e.GET(chatPath+"/:id/messages", h.listChatMessages, m...)
}

// getChat answers GET /v1/chat/completions/{id}.
func (h *Handler) getChat(c echo.Context) error {
	k, err := h.recallChat(c.Request().Context(), c.Param("id"))
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, k.Completion)
}

// updateChat answers POST /v1/chat/completions/{id}: it sets other metadata.
func (h *Handler) updateChat(c echo.Context) error {
	o, err := readBody(c)
	if err != nil {
		return err
	}
	metadata := decodeMetadata(o.get("metadata"))
	if _, ok := o.fields["metadata"]; !ok {
		o.get("metadata").missing()
	}
	if err := o.first.err(); err != nil {
		return err
	}
	ctx := c.Request().Context()
	k, err := h.recallChat(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	k.Completion.Metadata = metadata
	if err := h.putChat(ctx, k); err != nil {
		return err
	}
	return reply(c, http.StatusOK, k.Completion)
}

// deleteChat answers DELETE /v1/chat/completions/{id}.
func (h *Handler) deleteChat(c echo.Context) error {
	ctx, id := c.Request().Context(), c.Param("id")
	if _, err := h.recallChat(ctx, id); err != nil {
		return err
	}
	ok, err := h.Responses.Delete(string(CallerFrom(ctx).Partition), id)
	if err != nil {
		return err
	}
	if !ok {
		return noChat(id)
	}
	return reply(c, http.StatusOK, deleted{id, "chat.completion.deleted", true})
}

// deleted says that something is no longer kept.
type deleted struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Deleted bool   `json:"deleted"`
}

// listChats answers GET /v1/chat/completions, the oldest first.
func (h *Handler) listChats(c echo.Context) error {
	most, err := pageLimit(c.QueryParam("limit"))
	if err != nil {
		return err
	}
	back, err := newestFirst(c.QueryParam("order"))
	if err != nil {
		return err
	}
	after := c.QueryParam("after")
	if after != "" {
		if _, err := h.recallChat(c.Request().Context(), after); err != nil {
			return badRequest("after", "invalid_value", "Invalid 'after': there is no chat completion '%s'.", shorten(after))
		}
	}
	filter := chatFilter{c.QueryParam("model"), bracketed(c.QueryParams(), "metadata")}
	found, err := h.findChats(string(CallerFrom(c.Request().Context()).Partition), filter, after, back, most+1)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, newPage(found, most, func(w chatWhole) string { return w.ID }))
}

// findChats returns at most so many chat completions of a tenant.
func (h *Handler) findChats(tenant string, filter chatFilter, after string, back bool, most int) (found []chatWhole, err error) {
	if h.Responses == nil {
		return nil, nil
	}
	var broken error
	err = h.Responses.List(tenant, chatPrefix+"-", after, back, func(id string, doc []byte) bool {
		k, err := readChat(id, doc)
		if broken = err; err == nil && filter.takes(k.Completion) {
			found = append(found, k.Completion)
		}
		return err == nil && len(found) < most
	})
	if err == nil {
		err = broken
	}
	return found, err
}

// listChatMessages answers GET /v1/chat/completions/{id}/messages.
func (h *Handler) listChatMessages(c echo.Context) error {
	k, err := h.recallChat(c.Request().Context(), c.Param("id"))
	if err != nil {
		return err
	}
	most, err := pageLimit(c.QueryParam("limit"))
	if err != nil {
		return err
	}
	back, err := newestFirst(c.QueryParam("order"))
	if err != nil {
		return err
	}
	if back {
		slices.Reverse(k.Messages)
	}
	id := func(m storedMessage) string { return m.ID }
	rest, err := behind(k.Messages, c.QueryParam("after"), id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, newPage(rest, most, id))
}

// newestFirst reads the order of a list whose usual one is the oldest first.
func newestFirst(order string) (bool, error) {
	switch order {
	case "", "asc":
		return false, nil
	case "desc":
		return true, nil
	}
	return false, badRequest("order", "invalid_value", "Invalid value: '%s'. Supported values are: 'asc' and 'desc'.", shorten(order))
}

// bracketed returns the parameters that are written name[key]=value.
func bracketed(query url.Values, name string) map[string]string {
	found := map[string]string{}
	for key, values := range query {
		if inner, ok := strings.CutPrefix(key, name+"["); ok && strings.HasSuffix(inner, "]") {
			found[strings.TrimSuffix(inner, "]")] = values[0]
		}
	}
	return found
}

// page is a page of a list.
type page[T any] struct {
	Object  string  `json:"object"`
	Data    []T     `json:"data"`
	FirstID *string `json:"first_id"`
	LastID  *string `json:"last_id"`
	HasMore bool    `json:"has_more"`
}

// newPage cuts a page of at most so many off the beginning of a list.
func newPage[T any](all []T, most int, id func(T) string) page[T] {
	p := page[T]{Object: "list", HasMore: len(all) > most, Data: append([]T{}, all[:min(most, len(all))]...)}
	if n := len(p.Data); n > 0 {
		first, last := id(p.Data[0]), id(p.Data[n-1])
		p.FirstID, p.LastID = &first, &last
	}
	return p
}

// behind returns what follows the one with an id; "": all.
func behind[T any](all []T, after string, id func(T) string) ([]T, error) {
	if after == "" {
		return all, nil
	}
	at := slices.IndexFunc(all, func(x T) bool { return id(x) == after })
	if at < 0 {
		return nil, badRequest("after", "invalid_value", "Invalid 'after': there is no item '%s'.", shorten(after))
	}
	return all[at+1:], nil
}
