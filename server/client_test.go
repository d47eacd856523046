package server_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/enginetest"
)

// client is the official one, without its retries.
func (r *rig) client(o ...option.RequestOption) openai.Client {
	o = append([]option.RequestOption{option.WithBaseURL(r.url + "/v1"), option.WithAPIKey("none"), option.WithMaxRetries(0), option.WithHTTPClient(r.http)}, o...)
	return openai.NewClient(o...)
}

func hello() openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:       "toy",
		Messages:    []openai.ChatCompletionMessageParamUnion{openai.SystemMessage("be brief"), openai.UserMessage("hi")},
		Temperature: openai.Float(0),
		MaxTokens:   openai.Int(12),
	}
}

// expected is what the toy says to hello.
func expected(t *testing.T) (text string, tokens int) {
	t.Helper()
	prompt, err := enginetest.Vocab{}.Tokenize("system: be brief\nuser: hi\nassistant: ", true, true)
	if err != nil {
		t.Fatal(err)
	}
	text, _ = enginetest.Continue(prompt, 12)
	return text, len(prompt)
}

func TestOfficialClientChats(t *testing.T) {
	r := start(t, nil)
	want, prompt := expected(t)
	client := r.client()
	got, err := client.Chat.Completions.New(t.Context(), hello())
	if err != nil {
		t.Fatal(err)
	}
	if got.Choices[0].Message.Content != want || got.Usage.PromptTokens != int64(prompt) || got.Usage.TotalTokens != got.Usage.PromptTokens+got.Usage.CompletionTokens {
		t.Errorf("got %s, want %q after %d tokens", got.RawJSON(), want, prompt)
	}
}

func TestOfficialClientStreams(t *testing.T) {
	r := start(t, nil)
	want, _ := expected(t)
	client := r.client()
	params := hello()
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := client.Chat.Completions.NewStreaming(t.Context(), params)
	var acc openai.ChatCompletionAccumulator
	for stream.Next() {
		if !acc.AddChunk(stream.Current()) {
			t.Errorf("the accumulator refuses %s", stream.Current().RawJSON())
		}
	}
	if stream.Err() != nil || acc.Choices[0].Message.Content != want || acc.Usage.CompletionTokens == 0 {
		t.Errorf("got %+v, %v; want %q", acc.ChatCompletion, stream.Err(), want)
	}
}

func TestOfficialClientCompletes(t *testing.T) {
	r := start(t, nil)
	client := r.client()
	got, err := client.Completions.New(t.Context(), openai.CompletionNewParams{
		Model: "toy", Prompt: openai.CompletionNewParamsPromptUnion{OfArrayOfTokens: []int64{104, 105}}, Temperature: openai.Float(0),
	})
	want, ended := enginetest.Continue([]engine.Token{104, 105}, 16)
	if err != nil || got.Choices[0].Text != want || !ended && got.Usage.CompletionTokens != 16 {
		t.Errorf("got %+v, %v; want %q", got, err, want)
	}
}

func TestOfficialClientListsModels(t *testing.T) {
	r := start(t, nil)
	client := r.client()
	page, err := client.Models.List(t.Context())
	if err != nil || len(page.Data) != 1 || page.Data[0].ID != "toy" {
		t.Fatalf("got %+v, %v", page, err)
	}
	one, err := client.Models.Get(t.Context(), "toy")
	if err != nil || one.OwnedBy == "" || one.Created == 0 {
		t.Fatalf("got %+v, %v", one, err)
	}
	var ours struct {
		State         string
		ContextLength int `json:"context_length"`
		Size          int64
	}
	if err := json.Unmarshal([]byte(one.RawJSON()), &ours); err != nil || ours.State != "ready" || ours.ContextLength != 4096 || ours.Size != 1 {
		t.Errorf("got %s, %v", one.RawJSON(), err)
	}
}

func TestOfficialClientUnderstandsErrors(t *testing.T) {
	r := start(t, nil)
	client := r.client()
	params := hello()
	params.Model = "nobody"
	_, err := client.Chat.Completions.New(t.Context(), params)
	var e *openai.Error
	if !errors.As(err, &e) || e.StatusCode != 404 || e.Code != "model_not_found" || e.Param != "model" {
		t.Errorf("got %v", err)
	}
}
