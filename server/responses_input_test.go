package server_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/enginetest"
)

func TestLogprobsOfAResponse(t *testing.T) {
	r := start(t, nil)
	got := r.responded(respond(`"include": ["message.output_text.logprobs"], "top_logprobs": 2, "max_output_tokens": 9`))
	part := got.Output[0].Content[0]
	var text strings.Builder
	for _, l := range part.Logprobs {
		text.WriteString(l.Token)
		if l.Logprob > 0 || len(l.TopLogprobs) != 2 || l.TopLogprobs[0].Logprob < l.Logprob || len(l.Bytes) == 0 {
			t.Errorf("got %s", l.RawJSON())
		}
	}
	if text.String() != part.Text || got.TopLogprobs != 2 {
		t.Errorf("the tokens read %q, the text is %q; %s", text.String(), part.Text, got.RawJSON())
	}
	if plain := r.responded(respond("")).Output[0].Content[0]; len(plain.Logprobs) != 0 {
		t.Errorf("nobody asked for %s", plain.RawJSON())
	}
}

func TestLogprobsOfAStreamedResponse(t *testing.T) {
	r := start(t, nil)
	c := r.client()
	stream := c.Responses.NewStreaming(t.Context(), responses.ResponseNewParams{
		Model: "toy", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("hi")},
		Temperature: openai.Float(0), MaxOutputTokens: openai.Int(9), TopLogprobs: openai.Int(1),
	})
	var deltas, done, text string
	for stream.Next() {
		switch e := stream.Current().AsAny().(type) {
		case responses.ResponseTextDeltaEvent:
			for _, l := range e.Logprobs {
				deltas += l.Token
			}
		case responses.ResponseTextDoneEvent:
			text = e.Text
			for _, l := range e.Logprobs {
				done += l.Token
			}
		}
	}
	if err := stream.Err(); err != nil || text == "" || deltas != text || done != text {
		t.Errorf("%q in deltas, %q at the end, of %q, %v", deltas, done, text, err)
	}
}

func TestAReferenceStandsForAnItemOfAnEarlierAnswer(t *testing.T) {
	var asked string
	m := &altered{submit: func(q engine.Request) { asked = spelled(q.Prompt) }}
	r := with(t, m, keeping(t, func(c *config) { c.server.Keys = []string{"one", "two"} }))
	one, two := []string{"Authorization", "Bearer one"}, []string{"Authorization", "Bearer two"}
	first := r.responded(respond(`"max_output_tokens": 9`), one...)
	body := fmt.Sprintf(`{"model": "toy", "input": [{"type": "item_reference", "id": %q}, {"role": "user", "content": "more"}]}`, first.Output[0].ID)
	second := r.responded(body, one...)
	if want := "assistant: " + first.OutputText() + "\nuser: more\n"; !strings.Contains(asked, want) {
		t.Errorf("the model reads %q, want %q", asked, want)
	}
	r.do("POST", responsesPath, body, two...).wantError(t, 400, "invalid_request_error", "input", "invalid_value")
	if a := r.do("DELETE", responsesPath+"/"+first.ID, "", one...); a.status != 200 {
		t.Fatal(a.body)
	}
	r.do("POST", responsesPath, body, one...).wantError(t, 400, "invalid_request_error", "input", "invalid_value")
	r.responded(fmt.Sprintf(`{"model": "toy", "input": "on", "previous_response_id": %q}`, second.ID), one...)
	if !strings.Contains(asked, first.OutputText()) {
		t.Errorf("what was referred to is forgotten: %q", asked)
	}
}

// spelled is what tokens of the toy say.
func spelled(tokens []engine.Token) string {
	var b []byte
	for _, t := range tokens {
		b = enginetest.Vocab{}.Piece(b, t, false)
	}
	return string(b)
}

func TestTheOldestTurnsAreLeftOutOnRequest(t *testing.T) {
	var asked string
	m := &altered{submit: func(q engine.Request) { asked = spelled(q.Prompt) }}
	r := with(t, m, func(c *config) { c.toy.Context = 200 })
	var turns []map[string]string
	for i := range 8 {
		turns = append(turns, map[string]string{"role": "user", "content": fmt.Sprintf("question %d", i)}, map[string]string{"role": "assistant", "content": fmt.Sprintf("answer %d", i)})
	}
	input := func(more ...map[string]string) string {
		b, err := json.Marshal(append(turns, more...))
		if err != nil {
			t.Fatal(err)
		}
		return `{"model": "toy", "instructions": "be brief", "max_output_tokens": 20, "input": ` + string(b)
	}
	last := map[string]string{"role": "user", "content": "the last"}
	r.post(responsesPath, input(last)+`}`).wantError(t, 400, "invalid_request_error", "input", "context_length_exceeded")
	got := r.responded(input(last) + `, "truncation": "auto"}`)
	if !strings.HasPrefix(asked, "system: be brief\nuser: question ") || !strings.HasSuffix(asked, "answer 7\nuser: the last\nassistant: ") {
		t.Errorf("the model reads %q", asked)
	}
	if left := 200 - 20 - len(asked) - 1; left < 0 || left > len("user: question 0\nassistant: answer 0\n") {
		t.Errorf("%d tokens are left, and a turn has fewer", left)
	}
	if string(got.Truncation) != "auto" {
		t.Errorf("truncation is told as %q", got.Truncation)
	}
	last["content"] = strings.Repeat("long ", 50)
	r.post(responsesPath, input(last)+`, "truncation": "auto"}`).wantError(t, 400, "invalid_request_error", "input", "context_length_exceeded")
	if r.responded(respond(`"truncation": "auto", "max_output_tokens": 1`)); asked != "user: hi\nassistant: " {
		t.Errorf("what fits stays: %q", asked)
	}
}
