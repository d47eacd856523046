package server_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openai/openai-go/v3/responses"
	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/server/openai/responsestore"
)

const responsesPath = "/v1/responses"

// keeping adds a store of responses, in a folder of the test.
func keeping(t testing.TB, change func(*config)) func(*config) {
	t.Helper()
	store, err := responsestore.Open(t.TempDir(), time.Hour, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return func(c *config) {
		c.server.Responses = store
		if change != nil {
			change(c)
		}
	}
}

// respond is the shortest request for a response; more are further fields.
func respond(more string) string {
	if more != "" {
		more = ", " + more
	}
	return `{"model": "toy", "input": "hi", "temperature": 0` + more + `}`
}

// responded asks for a response and decodes it.
func (r *rig) responded(body string, headers ...string) (got responses.Response) {
	r.t.Helper()
	a := r.do("POST", responsesPath, body, headers...)
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 {
		r.t.Fatalf("%d %v: %s", a.status, err, a.body)
	}
	return got
}

var responseGoldens = []struct{ name, body string }{
	{"response", respond(`"max_output_tokens": 400, "instructions": "be brief", "metadata": {"a": "b"}`)},
	{"response_incomplete", respond(`"max_output_tokens": 3`)},
	{"response_stream", respond(`"max_output_tokens": 2, "stream": true`)},
}

func TestResponsesGolden(t *testing.T) {
	for _, g := range responseGoldens {
		t.Run(g.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, paced)
				got := regexp.MustCompile(`"(resp|msg)_[a-z2-7]{26}"`).ReplaceAllString(r.post(responsesPath, g.body).body, `"$1-ID"`)
				file := filepath.Join("testdata", g.name+".txt")
				if *update {
					write(t, file, got)
				}
				if want := read(t, file); got != want {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
			})
		})
	}
}

// told is an event as it came: its name, then its JSON.
type toldEvent struct{ name, data string }

func toldEvents(body string) (all []toldEvent) {
	for block := range strings.SplitSeq(body, "\n\n") {
		name, data, ok := strings.Cut(block, "\ndata: ")
		if name, named := strings.CutPrefix(name, "event: "); ok && named {
			all = append(all, toldEvent{name, data})
		}
	}
	return all
}

// names checks that events are numbered and named as they say themselves, and
// returns their names without repetitions.
func names(t *testing.T, body string) (order []string) {
	t.Helper()
	for i, e := range toldEvents(body) {
		var said struct {
			Type     string
			Sequence int `json:"sequence_number"`
		}
		if err := json.Unmarshal([]byte(e.data), &said); err != nil || said.Type != e.name || said.Sequence != i {
			t.Errorf("event %d, %s: %v: %s", i, e.name, err, e.data)
		}
		order = append(order, strings.TrimPrefix(e.name, "response."))
	}
	if strings.Contains(body, "[DONE]") {
		t.Error("a stream of this API has no [DONE]")
	}
	return slices.Compact(order)
}

func wantOrder(t *testing.T, body, want string) {
	t.Helper()
	if got := strings.Join(names(t, body), " "); got != want {
		t.Errorf("got  %s\nwant %s\n%s", got, want, body)
	}
}

func TestEventsComeInTheOfficialOrder(t *testing.T) {
	r := start(t, keeping(t, nil))
	a := r.post(responsesPath, respond(`"stream": true, "max_output_tokens": 4, "ignore_eos": true`))
	wantOrder(t, a.body, "created in_progress output_item.added content_part.added output_text.delta output_text.done content_part.done output_item.done incomplete")
	if a.header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("headers %v", a.header)
	}
}

func TestAStreamedCallIsAnItem(t *testing.T) {
	r, _ := saying(t, lookCall+"\n"+strings.ReplaceAll(lookCall, "up", "down"))
	a := r.post(responsesPath, respond(flatTool+`, "tool_choice": "required", "stream": true`))
	call := " output_item.added function_call_arguments.delta function_call_arguments.done output_item.done"
	wantOrder(t, a.body, "created in_progress"+call+call+" completed")
	events := toldEvents(a.body)
	var end responses.ResponseCompletedEvent
	if err := json.Unmarshal([]byte(events[len(events)-1].data), &end); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{`{"where": "up"}`, `{"where": "down"}`} {
		if c := end.Response.Output[i].AsFunctionCall(); c.Arguments != want || c.Name != "look" || c.CallID == "" || c.Status != "completed" {
			t.Errorf("call %d: %s", i, c.RawJSON())
		}
	}
}

const flatTool = `"tools": [{"type": "function", "name": "look", "description": "Look around.", "strict": false, "parameters": {"type": "object", "properties": {"where": {"type": "string"}}}}]`

func TestACallGoesRound(t *testing.T) {
	r, _ := saying(t, lookCall)
	first := r.responded(respond(flatTool + `, "tool_choice": "required"`))
	call := first.Output[0].AsFunctionCall()
	if len(first.Output) != 1 || call.Name != "look" || call.Arguments != `{"where": "up"}` || first.Status != "completed" {
		t.Fatalf("got %s", first.RawJSON())
	}
	r = start(t, func(c *config) { c.server.LogPrompts = true })
	r.responded(fmt.Sprintf(`{"model": "toy", "max_output_tokens": 1, %s, "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}, %s,
		{"type": "function_call_output", "call_id": %q, "output": "a tree"}]}`, flatTool, first.Output[0].RawJSON(), call.CallID))
	for _, want := range []string{"Look around.", "a tree", "look"} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("%q is not in the prompt", want)
		}
	}
}

func TestTextFormatIsEnforced(t *testing.T) {
	r, grammars := saying(t, `{"a":1}`)
	got := r.responded(respond(`"text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object", "required": ["a"]}}}`))
	if got.OutputText() != `{"a":1}` || got.Text.Format.Name != "x" {
		t.Errorf("got %s", got.RawJSON())
	}
	if last := (*grammars)[len(*grammars)-1]; last.Source != `{"type":"object","required":["a"]}` {
		t.Errorf("constrained by %+v", last)
	}
	if got := r.responded(respond(`"text": {"format": {"type": "json_object"}}`)); got.OutputText() != `{"a":1}` {
		t.Errorf("got %s", got.RawJSON())
	}
}

func TestMaxOutputTokensMakesAResponseIncomplete(t *testing.T) {
	r := start(t, nil)
	got := r.responded(respond(`"max_output_tokens": 3, "ignore_eos": true`))
	if got.Status != "incomplete" || got.IncompleteDetails.Reason != "max_output_tokens" || got.Usage.OutputTokens != 3 || got.Output[0].Status != "incomplete" {
		t.Errorf("got %s", got.RawJSON())
	}
}

func TestAPreviousResponseIsContinued(t *testing.T) {
	r := start(t, keeping(t, func(c *config) { c.server.LogPrompts = true }))
	first := r.responded(respond(`"max_output_tokens": 4, "instructions": "be brief"`))
	second := r.responded(`{"model": "toy", "input": "and now", "max_output_tokens": 4, "previous_response_id": "` + first.ID + `"}`)
	third := r.responded(`{"model": "toy", "input": "at last", "max_output_tokens": 1, "previous_response_id": "` + second.ID + `"}`)
	if third.PreviousResponseID != second.ID {
		t.Errorf("got %s", third.RawJSON())
	}
	prompt := "user: hi\nassistant: " + first.OutputText() + "\nuser: and now\nassistant: " + second.OutputText() + "\nuser: at last\nassistant: "
	told, err := json.Marshal(prompt)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.log.String(), "["+string(told)+"]") {
		t.Errorf("no prompt is %s: %s", told, r.log)
	}
}

func TestAStreamedResponseIsKeptBeforeItEnds(t *testing.T) {
	r := start(t, keeping(t, nil))
	events := toldEvents(r.post(responsesPath, respond(`"stream": true, "max_output_tokens": 2`)).body)
	var end responses.ResponseCompletedEvent
	if err := json.Unmarshal([]byte(events[len(events)-1].data), &end); err != nil {
		t.Fatal(err)
	}
	got := r.do("GET", responsesPath+"/"+end.Response.ID, "")
	if got.status != 200 || strings.TrimSpace(got.body) != end.Response.RawJSON() {
		t.Errorf("got %d %s, want %s", got.status, got.body, end.Response.RawJSON())
	}
}

func TestTenantsAreApart(t *testing.T) {
	r := start(t, keeping(t, func(c *config) { c.server.Keys = []string{"ann", "bob"} }))
	ann, bob := []string{"Authorization", "Bearer ann"}, []string{"Authorization", "Bearer bob"}
	id := r.responded(respond(`"max_output_tokens": 1`), ann...).ID
	if got := r.do("GET", responsesPath+"/"+id, "", ann...); got.status != 200 {
		t.Errorf("her own: %d %s", got.status, got.body)
	}
	for _, c := range []struct{ method, path string }{
		{"GET", "/" + id}, {"DELETE", "/" + id}, {"POST", "/" + id + "/cancel"}, {"GET", "/" + id + "/input_items"},
	} {
		r.do(c.method, responsesPath+c.path, "", bob...).wantError(t, 404, "invalid_request_error", "id", "response_not_found")
	}
	r.do("POST", responsesPath, respond(`"previous_response_id": "`+id+`"`), bob...).
		wantError(t, 400, "invalid_request_error", "previous_response_id", "previous_response_not_found")
}

func TestADeletedResponseIsGone(t *testing.T) {
	r := start(t, keeping(t, nil))
	id := r.responded(respond(`"max_output_tokens": 1`)).ID
	if got := r.do("DELETE", responsesPath+"/"+id, ""); got.status != 200 || got.body != `{"id":"`+id+`","object":"response","deleted":true}`+"\n" {
		t.Errorf("got %d %s", got.status, got.body)
	}
	for _, method := range []string{"GET", "DELETE"} {
		r.do(method, responsesPath+"/"+id, "").wantError(t, 404, "invalid_request_error", "id", "response_not_found")
	}
}

func TestWhatIsNotToBeStoredIsNot(t *testing.T) {
	r := start(t, keeping(t, nil))
	id := r.responded(respond(`"max_output_tokens": 1, "store": false`)).ID
	r.do("GET", responsesPath+"/"+id, "").wantError(t, 404, "invalid_request_error", "id", "response_not_found")
}

func TestAServerWithoutAStoreSaysSo(t *testing.T) {
	r := start(t, nil)
	r.post(responsesPath, respond(`"store": true`)).wantError(t, 400, "invalid_request_error", "store", "unsupported_parameter")
	id := r.responded(respond(`"max_output_tokens": 1`)).ID
	for _, method := range []string{"GET", "DELETE"} {
		r.do(method, responsesPath+"/"+id, "").wantError(t, 404, "invalid_request_error", "id", "response_not_found")
	}
}

func TestAFinishedResponseCannotBeCancelled(t *testing.T) {
	r := start(t, keeping(t, nil))
	id := r.responded(respond(`"max_output_tokens": 1`)).ID
	r.post(responsesPath+"/"+id+"/cancel", "").wantError(t, 400, "invalid_request_error", "id", "invalid_value")
}

func TestInputItemsComeInPages(t *testing.T) {
	r := start(t, keeping(t, nil))
	id := r.responded(`{"model": "toy", "max_output_tokens": 1, "input": [
		{"id": "msg_1", "role": "user", "content": "one"}, {"id": "msg_2", "role": "assistant", "content": "two"}, {"id": "msg_3", "role": "user", "content": "three"}]}`).ID
	for _, c := range []struct{ rule, query, want string }{
		{"the newest first", "", "msg_3 msg_2 msg_1 false"},
		{"the oldest first", "?order=asc", "msg_1 msg_2 msg_3 false"},
		{"a page", "?limit=2", "msg_3 msg_2 true"},
		{"the next", "?limit=2&after=msg_2", "msg_1 false"},
		{"after the last", "?after=msg_1", "false"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			a := r.do("GET", responsesPath+"/"+id+"/input_items"+c.query, "")
			var page responses.ResponseItemList
			if err := json.Unmarshal([]byte(a.body), &page); err != nil {
				t.Fatalf("%v: %s", err, a.body)
			}
			got := ""
			for _, it := range page.Data {
				got += it.ID + " "
			}
			if got += fmt.Sprint(page.HasMore); got != c.want {
				t.Errorf("got %s, want %s: %s", got, c.want, a.body)
			}
		})
	}
	for query, param := range map[string]string{"?limit=0": "limit", "?limit=x": "limit", "?order=up": "order", "?after=msg_9": "after"} {
		r.do("GET", responsesPath+"/"+id+"/input_items"+query, "").wantError(t, 400, "invalid_request_error", param, "invalid_value")
	}
}

func TestAFailureEndsTheStreamOfAResponse(t *testing.T) {
	r := with(t, &altered{template: smouldering{}}, nil)
	a := r.post(responsesPath, respond(`"stream": true`))
	order := names(t, a.body)
	if order[0] != "created" || order[len(order)-1] != "failed" || !strings.Contains(a.body, `"error":{"code":"server_error","message":"internal error"}`) {
		t.Errorf("got %s", a.body)
	}
}
