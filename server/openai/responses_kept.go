package openai

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// ResponseStore keeps finished responses and chat completions, apart for each
// tenant (the partition of its key).
type ResponseStore interface {
	Put(tenant, id string, doc []byte) error
	// Get returns a document; ok is false when the tenant has none of that id.
	Get(tenant, id string) (doc []byte, ok bool, err error)
	// Delete removes a document; ok is false when there was none.
	Delete(tenant, id string) (ok bool, err error)
	// List visits the documents whose ids begin with prefix in the order of their ids,
	// or against it, behind one of them; "": all. It ends when visit returns false.
	List(tenant, prefix, after string, back bool, visit func(id string, doc []byte) bool) error
}

// kept is the document of one response.
type kept struct {
	Response json.RawMessage `json:"response"` // as it was answered
	Input    []item          `json:"input"`
	Output   []item          `json:"output"`
	Previous string          `json:"previous,omitempty"`
}

// responsePrefix begins the ids of responses.
const responsePrefix = "resp"

// recall returns a response of the caller; ok is false when it has none of that id.
func (h *Handler) recall(ctx context.Context, id string) (k kept, ok bool, err error) {
	if h.Responses == nil || !strings.HasPrefix(id, responsePrefix+"_") {
		return kept{}, false, nil
	}
	doc, ok, err := h.Responses.Get(string(CallerFrom(ctx).Partition), id)
	if err != nil || !ok {
		return kept{}, false, err
	}
	if err := json.Unmarshal(doc, &k); err != nil {
		return kept{}, false, fmt.Errorf("reading the response %s: %w", id, err)
	}
	return k, true, nil
}

// past returns the items of a response and of all that came before it, oldest first.
func (h *Handler) past(ctx context.Context, id string) ([]item, error) {
	var turns [][]item
	for id != "" {
		k, ok, err := h.recall(ctx, id)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, badRequest("previous_response_id", "previous_response_not_found", "Previous response with id '%s' not found.", shorten(id))
		}
		var before struct{ Status string }
		if err := json.Unmarshal(k.Response, &before); err != nil {
			return nil, fmt.Errorf("reading the response %s: %w", id, err)
		}
		if before.Status == statusQueued || before.Status == statusRunning {
			return nil, badRequest("previous_response_id", "previous_response_not_ended", "Previous response with id '%s' is still %s.", shorten(id), before.Status)
		}
		turns, id = append(turns, slices.Concat(k.Input, k.Output)), k.Previous
	}
	slices.Reverse(turns)
	return slices.Concat(turns...), nil
}

// keep stores a response that has ended, if that is wanted.
func (h *Handler) keep(ctx context.Context, req responsesRequest, r response) error {
	if !req.store || h.Responses == nil {
		return nil
	}
	whole, err := encode(r)
	if err != nil {
		return err
	}
	doc, err := encode(kept{Response: whole, Input: req.input, Output: r.Output, Previous: req.previous})
	if err != nil {
		return err
	}
	tenant := string(CallerFrom(ctx).Partition)
	if err := h.Responses.Put(tenant, r.ID, doc); err != nil {
		return err
	}
	return h.index(tenant, r)
}

func noResponse(id string) *Error {
	return Invalid(http.StatusNotFound, "id", "response_not_found", "Response with id '%s' not found.", shorten(id))
}
