package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// fresh computes a prompt anew: texts that must be equal are computed in the same batch shapes.
var fresh = option.WithJSONSet("cache_prompt", false)

// ask sends one chat request and ends the test when it fails.
func ask(t testing.TB, s *server, p openai.ChatCompletionNewParams, more ...option.RequestOption) *openai.ChatCompletion {
	t.Helper()
	client := s.client(more...)
	answer, err := client.Chat.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// said is an answer that was put together from a stream.
type said struct {
	openai.ChatCompletionAccumulator
	pieces int // chunks with text
}

func stream(t testing.TB, s *server, p openai.ChatCompletionNewParams) (all said) {
	t.Helper()
	client := s.client(fresh)
	stream := client.Chat.Completions.NewStreaming(t.Context(), p)
	defer stream.Close()
	for stream.Next() {
		chunk := stream.Current()
		if !all.AddChunk(chunk) {
			t.Fatalf("a chunk that doesn't fit: %s", chunk.RawJSON())
		}
		if len(chunk.Choices) > 0 && chunk.Choices[0].Delta.Content != "" {
			all.pieces++
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestStreamSaysTokenByTokenWhatTheWholeAnswerSays(t *testing.T) {
	s := exact(t, "smollm2")
	p := say(s, "Name three colours.", 24)
	whole := ask(t, s, p, fresh)
	p.StreamOptions.IncludeUsage = openai.Bool(true)
	piecewise := stream(t, s, p)
	if got, want := piecewise.Choices[0].Message.Content, whole.Choices[0].Message.Content; got != want || want == "" {
		t.Errorf("streamed %q, whole %q", got, want)
	}
	if got, want := piecewise.Choices[0].FinishReason, whole.Choices[0].FinishReason; got != want {
		t.Errorf("streamed it ends with %q, whole with %q", got, want)
	}
	if n := int64(piecewise.pieces); n < whole.Usage.CompletionTokens/2 {
		t.Errorf("%d tokens came in %d pieces", whole.Usage.CompletionTokens, n)
	}
	if piecewise.Usage.PromptTokens != whole.Usage.PromptTokens || piecewise.Usage.CompletionTokens != whole.Usage.CompletionTokens {
		t.Errorf("usage: streamed %+v, whole %+v", piecewise.Usage, whole.Usage)
	}
}

func TestUsageCounts(t *testing.T) {
	s := shared(t, "smollm2")
	p := say(s, "What is the use of a compass, in a sentence?", 8)
	p.N = openai.Int(2)
	ask(t, s, p)
	u := ask(t, s, p).Usage
	if u.CompletionTokens != 16 || u.PromptTokens == 0 || u.TotalTokens != u.PromptTokens+16 {
		t.Errorf("two answers of 8 tokens: %s", u.RawJSON())
	}
	if cached := u.PromptTokensDetails.CachedTokens; cached == 0 || cached >= u.PromptTokens {
		t.Errorf("asked again, %d of %d prompt tokens are cached", cached, u.PromptTokens)
	}
}

func TestAnswerThatReachesMaxTokensIsCut(t *testing.T) {
	s := shared(t, "smollm2")
	answer := ask(t, s, say(s, "Write a long story about a fox.", 5))
	if answer.Choices[0].FinishReason != "length" || answer.Usage.CompletionTokens != 5 {
		t.Errorf("%s", answer.RawJSON())
	}
}

func TestStopStringsEndAnAnswerAndDoNotShow(t *testing.T) {
	s := exact(t, "smollm2")
	p := say(s, "Count from 1 to 9, with commas.", 40)
	full := ask(t, s, p, fresh).Choices[0].Message.Content
	stop := full[len(full)/2 : len(full)/2+4]
	p.Stop = openai.ChatCompletionNewParamsStopUnion{OfStringArray: []string{stop, "never said"}}
	want := full[:strings.Index(full, stop)]
	answer := ask(t, s, p, fresh)
	if c := answer.Choices[0]; c.Message.Content != want || c.FinishReason != "stop" {
		t.Errorf("%q stopped at %q (%s), want %q", full, c.Message.Content, c.FinishReason, want)
	}
	if streamed := stream(t, s, p).Choices[0].Message.Content; streamed != want {
		t.Errorf("streamed: %q, want %q", streamed, want)
	}
}

func TestLogprobsDescribeTheAnswer(t *testing.T) {
	s := shared(t, "smollm2")
	p := say(s, "Say hello in French.", 12)
	p.Logprobs, p.TopLogprobs = openai.Bool(true), openai.Int(3)
	answer := ask(t, s, p)
	text := ""
	for _, token := range answer.Choices[0].Logprobs.Content {
		text += token.Token
		best := token.TopLogprobs[0]
		if len(token.TopLogprobs) != 3 || best.Token != token.Token || token.Logprob > 0 || best.Logprob < token.TopLogprobs[1].Logprob {
			t.Errorf("at temperature 0 the likeliest is taken: %s", token.RawJSON())
		}
	}
	if content := answer.Choices[0].Message.Content; text != content {
		t.Errorf("tokens say %q, the message %q", text, content)
	}
}

func TestSeedsRepeat(t *testing.T) {
	s := exact(t, "smollm2")
	tell := func(seed int64) string {
		p := say(s, "Invent a name for a ship.", 16)
		p.Temperature, p.Seed = openai.Float(1.2), openai.Int(seed)
		return ask(t, s, p, fresh).Choices[0].Message.Content
	}
	one, again, other := tell(7), tell(7), tell(8)
	if one != again {
		t.Errorf("seed 7 says %q, then %q", one, again)
	}
	if one == other {
		t.Errorf("seeds 7 and 8 both say %q", one)
	}
}

func TestChoicesOfOneRequestDiffer(t *testing.T) {
	s := shared(t, "smollm2")
	p := say(s, "Invent a name for a cat.", 16)
	p.Temperature, p.Seed, p.N = openai.Float(1.2), openai.Int(3), openai.Int(2)
	c := ask(t, s, p).Choices
	if len(c) != 2 || c[0].Index != 0 || c[1].Index != 1 || c[0].Message.Content == c[1].Message.Content {
		t.Errorf("two choices: %+v", c)
	}
}

func TestModelsAreListedAndDescribed(t *testing.T) {
	for _, name := range []string{"smollm2", "gemma3"} {
		s := shared(t, name)
		client := s.client()
		page, err := client.Models.List(t.Context())
		if err != nil || len(page.Data) != 1 || page.Data[0].ID != s.model {
			t.Errorf("models: %+v, %v; want %s", page, err, s.model)
		}
		m, err := client.Models.Get(t.Context(), s.model)
		if err != nil || m.ID != s.model || m.OwnedBy != "moltbot" || m.Created == 0 {
			t.Errorf("model: %+v, %v", m, err)
		}
	}
}

// wantError checks an error by what a program can go by.
func wantError(t testing.TB, err error, status int, code string) *openai.Error {
	t.Helper()
	e, ok := errors.AsType[*openai.Error](err)
	if !ok || e.StatusCode != status || e.Code != code || e.Message == "" {
		t.Errorf("got %v, want status %d, code %s", err, status, code)
	}
	return e
}

func TestUnknownModelIs404(t *testing.T) {
	s := shared(t, "smollm2")
	client := s.client()
	p := say(s, "Hello", 1)
	p.Model = "gpt-none"
	_, err := client.Chat.Completions.New(t.Context(), p)
	wantError(t, err, 404, "model_not_found")
	_, err = client.Models.Get(t.Context(), "gpt-none")
	wantError(t, err, 404, "model_not_found")
}

func TestOverflowIsRefusedBeforeAnythingIsComputed(t *testing.T) {
	s := shared(t, "smollm2")
	client := s.client()
	for what, p := range map[string]openai.ChatCompletionNewParams{
		"a long prompt":     say(s, strings.Repeat("word ", 3000), 1),
		"a long completion": say(s, "Hello", 2048),
	} {
		_, err := client.Chat.Completions.New(t.Context(), p)
		if e := wantError(t, err, 400, "context_length_exceeded"); e != nil && !strings.Contains(e.Message, "2048 tokens") {
			t.Errorf("%s: %q does not tell the limit", what, e.Message)
		}
		streamed := client.Chat.Completions.NewStreaming(t.Context(), p)
		if streamed.Next() {
			t.Errorf("%s: a stream began", what)
		}
		wantError(t, streamed.Err(), 400, "context_length_exceeded")
	}
}

func TestCompletionsTakeEveryKindOfPrompt(t *testing.T) {
	s := shared(t, "smollm2")
	kinds := map[string]openai.CompletionNewParamsPromptUnion{
		"a string":              {OfString: openai.String("The sea is")},
		"an array of strings":   {OfArrayOfStrings: []string{"The sea is", "The sun is"}},
		"an array of tokens":    {OfArrayOfTokens: []int64{504, 3914, 314}},
		"arrays of such tokens": {OfArrayOfTokenArrays: [][]int64{{504, 3914, 314}, {504, 3914}}},
	}
	wantChoices := map[string]int{"a string": 1, "an array of strings": 2, "an array of tokens": 1, "arrays of such tokens": 2}
	client := s.client()
	for kind, prompt := range kinds {
		answer, err := client.Completions.New(t.Context(), openai.CompletionNewParams{
			Model: openai.CompletionNewParamsModel(s.model), Prompt: prompt, Temperature: openai.Float(0), MaxTokens: openai.Int(6),
		})
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if n := int64(wantChoices[kind]); len(answer.Choices) != int(n) || answer.Usage.CompletionTokens != 6*n {
			t.Errorf("%s: %s", kind, answer.RawJSON())
		}
	}
}

func TestStringAndItsTokensAreTheSamePrompt(t *testing.T) {
	s := exact(t, "smollm2")
	client := s.client(fresh)
	var texts []string
	for _, prompt := range []openai.CompletionNewParamsPromptUnion{
		{OfString: openai.String("The United States")},
		{OfArrayOfTokens: []int64{504, 1797, 1918}},
	} {
		answer, err := client.Completions.New(t.Context(), openai.CompletionNewParams{
			Model: openai.CompletionNewParamsModel(s.model), Prompt: prompt, Temperature: openai.Float(0), MaxTokens: openai.Int(8),
		})
		if err != nil || answer.Usage.PromptTokens != 3 {
			t.Fatalf("%+v, %v", answer, err)
		}
		texts = append(texts, answer.Choices[0].Text)
	}
	if texts[0] != texts[1] {
		t.Errorf("%q", texts)
	}
}

func TestCompletionStreamSaysWhatTheWholeSays(t *testing.T) {
	s := exact(t, "gemma3")
	client := s.client(fresh)
	p := openai.CompletionNewParams{
		Model: openai.CompletionNewParamsModel(s.model), Temperature: openai.Float(0), MaxTokens: openai.Int(16),
		Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("Rain falls because")},
	}
	whole, err := client.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	streamed := client.Completions.NewStreaming(t.Context(), p)
	for streamed.Next() {
		text += streamed.Current().Choices[0].Text
	}
	if err := streamed.Err(); err != nil || text != whole.Choices[0].Text {
		t.Errorf("streamed %q, %v; whole %q", text, err, whole.Choices[0].Text)
	}
}

func TestKeyFileTurnsKeysOn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte("# ann\nsk-ann\nsk-bob\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := own(t, "smollm2", nil, "--api-key-file", file, "--ctx", "256")
	for _, key := range []string{"sk-ann", "sk-bob"} {
		client := s.client(option.WithAPIKey(key))
		if _, err := client.Chat.Completions.New(t.Context(), say(s, "Hello", 1)); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	for _, key := range []string{"sk-eve", "ann", "# ann"} {
		client := s.client(option.WithAPIKey(key))
		_, err := client.Chat.Completions.New(t.Context(), say(s, "Hello", 1))
		wantError(t, err, 401, "invalid_api_key")
		_, err = client.Models.List(t.Context())
		wantError(t, err, 401, "invalid_api_key")
	}
	if _, err := s.get("/health"); err != nil {
		t.Errorf("health needs no key: %v", err)
	}
}
