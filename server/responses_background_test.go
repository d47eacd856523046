package server_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"

	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/server/openai/responsestore"
)

// endless asks for a response that goes on until it is ended.
const endless = `"background": true, "ignore_eos": true`

// polled asks for a response until it has ended.
func (r *rig) polled(id string) (got responses.Response) {
	r.t.Helper()
	r.until("the response has ended", func() bool {
		a := r.do("GET", responsesPath+"/"+id, "")
		got = responses.Response{}
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 {
			r.t.Fatalf("%d %v: %s", a.status, err, a.body)
		}
		return got.Status != "queued" && got.Status != "in_progress"
	})
	return got
}

func TestAResponseInTheBackgroundEnds(t *testing.T) {
	r := start(t, keeping(t, nil))
	want := r.responded(respond(`"max_output_tokens": 40`))
	first := r.responded(respond(`"max_output_tokens": 40, "background": true`))
	if first.Status != "queued" || !first.Background || first.OutputText() != "" {
		t.Errorf("it begins as %s", first.RawJSON())
	}
	got := r.polled(first.ID)
	if got.Status != want.Status || got.OutputText() != want.OutputText() || got.Usage.OutputTokens != want.Usage.OutputTokens || !got.Background {
		t.Errorf("got %s, want %s", got.RawJSON(), want.RawJSON())
	}
	if next := r.responded(respond(`"previous_response_id": "` + first.ID + `"`)); next.Usage.InputTokens <= got.Usage.TotalTokens {
		t.Errorf("it is not continued: %s", next.RawJSON())
	}
}

func TestACancelledResponseStops(t *testing.T) {
	r := start(t, keeping(t, slow))
	c := r.client()
	id := r.responded(respond(endless)).ID
	r.post(responsesPath, respond(`"previous_response_id": "`+id+`"`)).wantError(t, 400, "invalid_request_error", "previous_response_id", "previous_response_not_ended")
	for range 2 { // the second time changes nothing
		got, err := c.Responses.Cancel(t.Context(), id)
		if err != nil || got.Status != "cancelled" {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	r.idle()
	if got := r.polled(id); got.Status != "cancelled" {
		t.Errorf("it is told as %s", got.Status)
	}
}

func TestADeletedResponseStops(t *testing.T) {
	r := start(t, keeping(t, slow))
	id := r.responded(respond(endless)).ID
	if a := r.do("DELETE", responsesPath+"/"+id, ""); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	r.idle()
	r.do("GET", responsesPath+"/"+id, "").wantError(t, 404, "invalid_request_error", "id", "response_not_found")
}

func TestTheEndOfTheServerWaitsForTheBackground(t *testing.T) {
	dir := t.TempDir()
	store := opened(t, dir)
	r := start(t, func(c *config) { c.server.Responses = store; slow(c) })
	id := r.responded(respond(`"max_output_tokens": 20, "background": true, "ignore_eos": true`)).ID
	if err := r.server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if doc := stored(t, store, id); !strings.Contains(doc, `"status":"incomplete"`) {
		t.Errorf("it is kept as %s", doc)
	}
}

func TestAResponseThatTheServersEndCutsOffHasFailed(t *testing.T) {
	store := opened(t, t.TempDir())
	r := start(t, func(c *config) { c.server.Responses = store; slow(c) })
	id := r.responded(respond(endless)).ID
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.server.Shutdown(ctx); err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
	if doc := stored(t, store, id); !strings.Contains(doc, `"status":"failed"`) || !strings.Contains(doc, "ask again") {
		t.Errorf("it is kept as %s", doc)
	}
}

func TestAResponseThatNoServerMakesAnyMoreHasFailed(t *testing.T) {
	store := opened(t, t.TempDir())
	r := start(t, func(c *config) { c.server.Responses = store })
	for _, status := range []string{"queued", "in_progress"} {
		id := r.responded(respond(`"background": true, "max_output_tokens": 3`)).ID
		r.polled(id)
		leave(t, store, id, status)
		for range 2 {
			if got := r.polled(id); got.Status != "failed" || got.Error.Code != "server_error" || !strings.Contains(got.Error.Message, "ask again") {
				t.Errorf("got %s", got.RawJSON())
			}
		}
	}
}

// leave stores a response as a server does that ends without a word.
func leave(t *testing.T, s *responsestore.Store, id, status string) {
	t.Helper()
	var doc struct {
		Response map[string]any `json:"response"`
		Input    []any          `json:"input"`
		Output   []any          `json:"output"`
	}
	if err := json.Unmarshal([]byte(stored(t, s, id)), &doc); err != nil {
		t.Fatal(err)
	}
	doc.Response["status"], doc.Response["output"], doc.Response["incomplete_details"] = status, []any{}, nil
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put("", id, b); err != nil {
		t.Fatal(err)
	}
}

func TestTheBackgroundRefuses(t *testing.T) {
	r := start(t, keeping(t, nil))
	for _, c := range []struct{ rule, body, param, code string }{
		{"what is not to be stored", respond(`"background": true, "store": false`), "background", "invalid_value"},
		{"a stream", respond(`"background": true, "stream": true`), "background", "unsupported_parameter"},
		{"what has no room", respond(`"background": true, "max_output_tokens": 100000`), "input", "context_length_exceeded"},
		{"another type", respond(`"background": 1`), "background", "invalid_type"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r.post(responsesPath, c.body).wantError(t, 400, "invalid_request_error", c.param, c.code)
		})
	}
	start(t, nil).post(responsesPath, respond(`"background": true`)).wantError(t, 400, "invalid_request_error", "background", "unsupported_parameter")
}

func TestOfficialClientPolls(t *testing.T) {
	r := start(t, keeping(t, nil))
	c := r.client()
	got, err := c.Responses.New(t.Context(), responses.ResponseNewParams{
		Model: "toy", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("hi")}, Background: openai.Bool(true),
		Temperature: openai.Float(0), MaxOutputTokens: openai.Int(5),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.until("it has ended", func() bool {
		got, err = c.Responses.Get(t.Context(), got.ID, responses.ResponseGetParams{})
		return err != nil || got.Status == "incomplete"
	})
	if err != nil || got.OutputText() == "" {
		t.Errorf("%s, %v", got.RawJSON(), err)
	}
}

func opened(t *testing.T, dir string) *responsestore.Store {
	t.Helper()
	s, err := responsestore.Open(dir, time.Hour, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// stored is the document of a response.
func stored(t *testing.T, s *responsestore.Store, id string) string {
	t.Helper()
	doc, ok, err := s.Get("", id)
	if err != nil || !ok {
		t.Fatalf("%s is not kept: %v", id, err)
	}
	return string(doc)
}
