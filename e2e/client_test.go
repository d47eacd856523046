package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// client is the official one. It doesn't try again, so that nothing is hidden.
func (s *server) client(more ...option.RequestOption) openai.Client {
	return openai.NewClient(append([]option.RequestOption{
		option.WithBaseURL(s.url + "/v1"), option.WithAPIKey("none"), option.WithMaxRetries(0),
	}, more...)...)
}

// step is one token of an answer, in bytes that may be no whole character.
type step struct {
	token string
	top   map[string]float64 // log-probabilities of the likeliest and of the token
}

func newStep(name string, top map[string]float64) step {
	s := step{rawToken(name), map[string]float64{}}
	for name, logprob := range top {
		s.top[rawToken(name)] = logprob
	}
	return s
}

// rawToken undoes the writing of bytes that are no whole character: "bytes:\xe2\x80".
func rawToken(name string) string {
	escaped, ok := strings.CutPrefix(name, "bytes:")
	if raw, err := strconv.Unquote(`"` + escaped + `"`); ok && err == nil {
		return raw
	}
	return name
}

// generation is an answer of /v1/completions, token by token.
type generation struct {
	text, finish string
	steps        []step
	total        int64 // tokens, prompt and answer
	cached       int64 // of the prompt's
}

// unit is a text that one token makes, or several whose bytes are whole
// characters only together: so llama-server lists tokens.
type unit struct {
	text  string
	steps []step
}

// units joins the steps; an end that the model chose is "", without a step.
func (g generation) units() (all []unit) {
	var u unit
	for _, s := range g.steps {
		u = unit{u.text + s.token, append(u.steps, s)}
		if utf8.ValidString(u.text) {
			all, u = append(all, u), unit{}
		}
	}
	if g.finish == "stop" {
		all = append(all, unit{})
	}
	return all
}

// texts are those of the units.
func (g generation) texts() (all []string) {
	for _, u := range g.units() {
		all = append(all, u.text)
	}
	return all
}

// greedy continues a prompt with the likeliest tokens, alone and from nothing cached.
func (s *server) greedy(ctx context.Context, prompt string, tokens int, more ...option.RequestOption) (generation, error) {
	return s.reusing(ctx, prompt, tokens, append(more, fresh)...)
}

// reusing does the same from what is cached.
func (s *server) reusing(ctx context.Context, prompt string, tokens int, more ...option.RequestOption) (generation, error) {
	client := s.client(more...)
	answer, err := client.Completions.New(ctx, likeliest(s, prompt, tokens))
	if err != nil {
		return generation{}, fmt.Errorf("continue %q: %w", prompt, err)
	}
	c := answer.Choices[0]
	g := generation{
		text: c.Text, finish: string(c.FinishReason),
		total: answer.Usage.TotalTokens, cached: answer.Usage.PromptTokensDetails.CachedTokens,
	}
	for i, token := range c.Logprobs.Tokens {
		g.steps = append(g.steps, newStep(token, c.Logprobs.TopLogprobs[i]))
	}
	return g, nil
}

// likeliest asks for a greedy continuation and its log-probabilities.
func likeliest(s *server, prompt string, tokens int) openai.CompletionNewParams {
	return openai.CompletionNewParams{
		Model:       openai.CompletionNewParamsModel(s.model),
		Prompt:      openai.CompletionNewParamsPromptUnion{OfString: openai.String(prompt)},
		MaxTokens:   openai.Int(int64(tokens)),
		Temperature: openai.Float(0),
		Logprobs:    openai.Int(5),
	}
}

// get fetches a page of the server.
func (s *server) get(path string) (string, error) {
	res, err := http.Get(s.url + path)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("GET %s: %s %s %w", path, res.Status, body, err)
	}
	return string(body), nil
}

// wantAlive checks that a server still answers a good request.
func (s *server) wantAlive(t testing.TB) {
	t.Helper()
	client := s.client()
	answer, err := client.Chat.Completions.New(t.Context(), say(s, "Hello!", 4))
	if err != nil || answer.Usage.CompletionTokens == 0 {
		t.Errorf("afterwards the server answers %+v, %v", answer, err)
	}
}

// say asks for a greedy answer to one message.
func say(s *server, message string, tokens int64) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:       s.model,
		Messages:    []openai.ChatCompletionMessageParamUnion{openai.UserMessage(message)},
		Temperature: openai.Float(0),
		MaxTokens:   openai.Int(tokens),
	}
}
