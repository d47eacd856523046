package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"
)

// respond asks for a greedy response to one input.
func respond(s *server, input string, tokens int64) responses.ResponseNewParams {
	return responses.ResponseNewParams{
		Model:           s.model,
		Input:           responses.ResponseNewParamsInputUnion{OfString: openai.String(input)},
		Temperature:     openai.Float(0),
		MaxOutputTokens: openai.Int(tokens),
	}
}

func TestResponsesAreKeptStreamedContinuedAndDeleted(t *testing.T) {
	s := own(t, "smollm2", []string{noDrafts}, "--data", t.TempDir(), "--ctx", "512")
	client := s.client(fresh)
	first, err := client.Responses.New(t.Context(), respond(s, "Name three colours.", 24))
	if err != nil || first.OutputText() == "" || first.Usage.OutputTokens == 0 {
		t.Fatalf("%+v, %v", first, err)
	}
	streamed, order := streamResponse(t, s, respond(s, "Name three colours.", 24))
	if streamed.OutputText() != first.OutputText() || streamed.Status != first.Status {
		t.Errorf("streamed %s, whole %s", streamed.RawJSON(), first.RawJSON())
	}
	if order[0] != "response.created" || order[1] != "response.in_progress" || order[len(order)-1] != "response."+string(first.Status) {
		t.Errorf("events %q", order)
	}
	next := respond(s, "Which of them did you name first?", 8)
	next.PreviousResponseID = openai.String(first.ID)
	second, err := client.Responses.New(t.Context(), next)
	if err != nil || second.PreviousResponseID != first.ID || second.Usage.InputTokens <= first.Usage.TotalTokens {
		t.Errorf("continued: %+v, %v", second, err)
	}
	kept, err := client.Responses.Get(t.Context(), first.ID, responses.ResponseGetParams{})
	if err != nil || kept.RawJSON() != first.RawJSON() {
		t.Errorf("kept: %+v, %v", kept, err)
	}
	items, err := client.Responses.InputItems.List(t.Context(), first.ID, responses.InputItemListParams{})
	if err != nil || len(items.Data) != 1 || !strings.Contains(items.Data[0].RawJSON(), "Name three colours.") {
		t.Errorf("input items: %+v, %v", items, err)
	}
	wantDeletable(t, s, first.ID)
}

// wantDeletable deletes a response and asks for it in vain.
func wantDeletable(t *testing.T, s *server, id string) {
	t.Helper()
	client := s.client()
	if _, err := client.Responses.Cancel(t.Context(), id); err == nil {
		t.Error("a finished response was cancelled")
	}
	if err := client.Responses.Delete(t.Context(), id); err != nil {
		t.Error(err)
	}
	_, err := client.Responses.Get(t.Context(), id, responses.ResponseGetParams{})
	wantError(t, err, 404, "response_not_found")
	p := respond(s, "Go on.", 1)
	p.PreviousResponseID = openai.String(id)
	_, err = client.Responses.New(t.Context(), p)
	wantError(t, err, 400, "previous_response_not_found")
}

// streamResponse returns the last response that a stream tells, and the types of
// its events without repetitions.
func streamResponse(t *testing.T, s *server, p responses.ResponseNewParams) (last responses.Response, order []string) {
	t.Helper()
	client := s.client(fresh)
	stream := client.Responses.NewStreaming(t.Context(), p)
	defer stream.Close()
	said := ""
	for stream.Next() {
		e := stream.Current()
		order = append(order, e.Type)
		if e.Type == "response.output_text.delta" {
			said += e.Delta
		}
		last = e.Response
	}
	if err := stream.Err(); err != nil || said != last.OutputText() {
		t.Fatalf("streamed %q, %v; the last event says %s", said, err, last.RawJSON())
	}
	return last, slices.Compact(order)
}
