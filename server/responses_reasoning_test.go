package server_test

import (
	"strings"
	"testing"

	"github.com/openai/openai-go/v3/responses"

	"github.com/moltbot/moltbot/engine/chat"
)

// thoughtful is a template whose answers begin with a letter of reasoning.
type thoughtful struct{}

func (thoughtful) Render(c chat.Conversation) (chat.Prompt, error) {
	var text strings.Builder
	for _, m := range c.Messages {
		text.WriteString(m.Role + "(" + m.Reasoning + "): " + m.Content + "\n")
	}
	return chat.Prompt{Text: text.String(), Parser: func() chat.Parser { return &thoughts{} }}, nil
}

type thoughts struct{ told bool }

func (t *thoughts) Push(text string) (chat.Delta, error) {
	if t.told || text == "" {
		return chat.Delta{Content: text}, nil
	}
	t.told = true
	return chat.Delta{Reasoning: text[:1], Content: text[1:]}, nil
}

func (t *thoughts) Close() (chat.Delta, error) { return chat.Delta{}, nil }

func TestReasoningIsAnItemOfItsOwn(t *testing.T) {
	r := with(t, &altered{template: thoughtful{}}, paced)
	a := r.post(responsesPath, respond(`"stream": true, "max_output_tokens": 4, "ignore_eos": true`))
	wantOrder(t, a.body, "created in_progress "+
		"output_item.added content_part.added reasoning_text.delta reasoning_text.done content_part.done output_item.done "+
		"output_item.added content_part.added output_text.delta output_text.done content_part.done output_item.done incomplete")
}

func TestReasoningComesBackToTheTemplate(t *testing.T) {
	r := with(t, &altered{template: thoughtful{}}, keeping(t, func(c *config) {
		paced(c)
		c.server.LogPrompts = true
	}))
	first := r.responded(respond(`"max_output_tokens": 4, "ignore_eos": true`))
	reasoning := first.Output[0].AsReasoning()
	if len(first.Output) != 2 || reasoning.Content[0].Text == "" || first.Usage.OutputTokensDetails.ReasoningTokens == 0 {
		t.Fatalf("got %s", first.RawJSON())
	}
	r.responded(respond(`"max_output_tokens": 1, "previous_response_id": "` + first.ID + `"`))
	want := `user(): hi\nassistant(` + reasoning.Content[0].Text + `): ` + first.OutputText() + `\nuser(): hi\n`
	if !strings.Contains(r.log.String(), want) {
		t.Errorf("no prompt is %s: %s", want, r.log)
	}
}

// The golden texts are what the official client's types expect; access_programs,
// which tells a cloud's programs, is all that is left out.
func TestResponseGoldensFitTheOfficialTypes(t *testing.T) {
	const noPrograms, programs = `"background":false`, `"access_programs":{"cyber":"standard"},"background":false`
	for _, g := range responseGoldens {
		body := read(t, "testdata/"+g.name+".txt")
		if !strings.HasPrefix(body, "event: ") {
			fits[responses.Response](t, g.name, strings.ReplaceAll(body, noPrograms, programs))
		}
		for _, e := range toldEvents(body) {
			fitsEvent(t, e.name, strings.ReplaceAll(e.data, noPrograms, programs))
		}
	}
}

func fitsEvent(t *testing.T, name, data string) {
	t.Helper()
	switch strings.TrimPrefix(name, "response.") {
	case "created":
		fits[responses.ResponseCreatedEvent](t, name, data)
	case "in_progress":
		fits[responses.ResponseInProgressEvent](t, name, data)
	case "output_item.added":
		fits[responses.ResponseOutputItemAddedEvent](t, name, data)
	case "content_part.added":
		fits[responses.ResponseContentPartAddedEvent](t, name, data)
	case "output_text.delta":
		fits[responses.ResponseTextDeltaEvent](t, name, data)
	case "output_text.done":
		fits[responses.ResponseTextDoneEvent](t, name, data)
	case "content_part.done":
		fits[responses.ResponseContentPartDoneEvent](t, name, data)
	case "output_item.done":
		fits[responses.ResponseOutputItemDoneEvent](t, name, data)
	case "incomplete":
		fits[responses.ResponseIncompleteEvent](t, name, data)
	default:
		t.Errorf("no type is checked for %s", name)
	}
}
