package openai

import (
	"context"
	"slices"
	"strings"
)

// itemReference stands in an input for an item of an earlier response's output.
const itemReference = "item_reference"

// index remembers which response each item of an output belongs to.
func (h *Handler) index(tenant string, r response) error {
	for _, it := range r.Output {
		if err := h.Responses.Put(tenant, it.ID, []byte(r.ID)); err != nil {
			return err
		}
	}
	return nil
}

// resolve puts items in the place of references to them.
func (h *Handler) resolve(ctx context.Context, items []item) ([]item, error) {
	out := slices.Clone(items)
	for i, it := range out {
		if it.Type != itemReference {
			continue
		}
		found, err := h.referred(ctx, it.ID)
		if err != nil {
			return nil, err
		}
		out[i] = found
	}
	return out, nil
}

// referred finds an item of a stored response of the caller.
func (h *Handler) referred(ctx context.Context, id string) (item, error) {
	none := badRequest("input", "invalid_value", "Item with id '%s' not found: only items of the output of stored responses can be referred to.", shorten(id))
	if h.Responses == nil || !isItem(id) {
		return item{}, none
	}
	of, ok, err := h.Responses.Get(string(CallerFrom(ctx).Partition), id)
	if err != nil {
		return item{}, err
	}
	if !ok {
		return item{}, none
	}
	k, ok, err := h.recall(ctx, string(of))
	if err != nil {
		return item{}, err
	}
	at := slices.IndexFunc(k.Output, func(it item) bool { return it.ID == id })
	if !ok || at < 0 {
		return item{}, none
	}
	return k.Output[at], nil
}

// isItem tells whether an id is that of an item.
func isItem(id string) bool {
	prefix, _, ok := strings.Cut(id, "_")
	for _, known := range prefixes {
		if ok && known == prefix {
			return true
		}
	}
	return false
}
