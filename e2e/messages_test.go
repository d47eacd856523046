package e2e

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
)

// anthropic is the official client of Anthropic's API. It doesn't try again.
func (s *server) anthropic() anthropic.Client {
	return anthropic.NewClient(option.WithBaseURL(s.url), option.WithAPIKey("none"), option.WithMaxRetries(0))
}

// tell asks for a greedy message.
func tell(s *server, message string, tokens int64) anthropic.MessageNewParams {
	return anthropic.MessageNewParams{
		Model:       s.model,
		System:      []anthropic.TextBlockParam{{Text: "You are a helpful assistant."}},
		Messages:    []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(message))},
		MaxTokens:   tokens,
		Temperature: anthropic.Float(0),
	}
}

// listen puts a streamed message together.
func listen(t testing.TB, s *server, p anthropic.MessageNewParams) (m anthropic.Message) {
	t.Helper()
	client := s.anthropic()
	stream := client.Messages.NewStreaming(t.Context(), p)
	defer stream.Close()
	for stream.Next() {
		if err := m.Accumulate(stream.Current()); err != nil {
			t.Fatalf("%v: %s", err, stream.Current().RawJSON())
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAnthropicClientIsAnswered(t *testing.T) {
	s := exact(t, "smollm2")
	client := s.anthropic()
	p := tell(s, "Name three colours.", 24)
	listen(t, s, p) // both answers below find the prompt computed, so their batches have the same shapes
	whole, err := client.Messages.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if len(whole.Content) != 1 || whole.Content[0].Text == "" || whole.Role != "assistant" || whole.StopReason == "" {
		t.Fatalf("got %s", whole.RawJSON())
	}
	streamed := listen(t, s, p)
	if got, want := streamed.Content[0].Text, whole.Content[0].Text; got != want || streamed.StopReason != whole.StopReason {
		t.Errorf("streamed %q (%s), whole %q (%s)", got, streamed.StopReason, want, whole.StopReason)
	}
	if streamed.Usage.CacheReadInputTokens == 0 || streamed.Usage.OutputTokens != whole.Usage.OutputTokens {
		t.Errorf("usage: streamed %s, whole %s", streamed.Usage.RawJSON(), whole.Usage.RawJSON())
	}
	count, err := client.Messages.CountTokens(t.Context(), anthropic.MessageCountTokensParams{
		Model: p.Model, Messages: p.Messages, System: anthropic.MessageCountTokensParamsSystemUnion{OfTextBlockArray: p.System},
	})
	if err != nil || count.InputTokens != streamed.Usage.InputTokens+streamed.Usage.CacheReadInputTokens {
		t.Errorf("counted %+v, %v; used %s", count, err, streamed.Usage.RawJSON())
	}
}

func TestAnthropicClientGetsAForcedCallAndAnswersIt(t *testing.T) {
	s := shared(t, "smollm2")
	client := s.anthropic()
	p := tell(s, "What is the weather in Paris?", 64)
	p.Tools = []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{
		Name: "get_weather", Description: anthropic.String("The weather of a city."),
		InputSchema: anthropic.ToolInputSchemaParam{
			Properties: map[string]any{"city": map[string]any{"enum": []string{"Paris", "Rome"}}}, Required: []string{"city"},
			ExtraFields: map[string]any{"additionalProperties": false},
		},
	}}}
	p.ToolChoice = anthropic.ToolChoiceUnionParam{OfAny: &anthropic.ToolChoiceAnyParam{DisableParallelToolUse: anthropic.Bool(true)}}
	called := listen(t, s, p)
	var input struct{ City string }
	if len(called.Content) != 1 || called.StopReason != "tool_use" || called.Content[0].Name != "get_weather" {
		t.Fatalf("got %s", called.RawJSON())
	}
	if err := json.Unmarshal(called.Content[0].Input, &input); err != nil || input.City != "Paris" && input.City != "Rome" {
		t.Errorf("called with %s", called.Content[0].Input)
	}
	p.Messages = append(p.Messages, called.ToParam(), anthropic.NewUserMessage(anthropic.NewToolResultBlock(called.Content[0].ID, "rain, 12 degrees", false)))
	p.ToolChoice = anthropic.ToolChoiceUnionParam{OfNone: &anthropic.ToolChoiceNoneParam{}}
	answer, err := client.Messages.New(t.Context(), p)
	if err != nil || len(answer.Content) != 1 || answer.Content[0].Type != "text" {
		t.Errorf("got %+v, %v", answer, err)
	}
}

func TestAnthropicClientUnderstandsErrors(t *testing.T) {
	s := shared(t, "smollm2")
	client := s.anthropic()
	p := tell(s, "Hello", 1)
	p.Model = "nobody"
	_, err := client.Messages.New(t.Context(), p)
	e, ok := errors.AsType[*anthropic.Error](err)
	if !ok || e.StatusCode != 404 || e.Type() != "not_found_error" || e.RequestID == "" {
		t.Errorf("got %v", err)
	}
}
