package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/chat"
	"github.com/moltbot/moltbot/engine/enginetest"
)

// marked takes upper case for reasoning and holds back a last "-" until more comes.
type marked struct{ held string }

func (p *marked) Push(text string) (chat.Delta, error) {
	text, p.held = p.held+text, ""
	if s, ok := strings.CutSuffix(text, "-"); ok {
		text, p.held = s, "-"
	}
	if text == strings.ToUpper(text) {
		return chat.Delta{Reasoning: text}, nil
	}
	return chat.Delta{Content: text}, nil
}

func (p *marked) Close() (chat.Delta, error) { return chat.Delta{Content: p.held}, nil }

// told folds texts, each with a log-probability, and returns the deltas as JSON.
func told(t *testing.T, a *chatAnswer, texts ...string) (deltas, logprobs []string) {
	t.Helper()
	var chunks []any
	for _, text := range texts {
		more, err := a.push(0, engine.Chunk{Text: text, Tokens: 1, Logprobs: []engine.TokenLogprob{{Bytes: []byte(text)}}})
		if err != nil {
			t.Fatal(err)
		}
		chunks = append(chunks, more...)
	}
	more, err := a.finish(0, engine.Result{Finish: engine.FinishStop, Usage: engine.Usage{Prompt: 3, Cached: 2, Completion: len(texts)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range append(chunks, more...) {
		choice := c.(chatChunk).Choices[0]
		b, err := encode(choice.Delta)
		if err != nil {
			t.Fatal(err)
		}
		deltas = append(deltas, string(b))
		if choice.Logprobs != nil {
			for _, l := range choice.Logprobs.Content {
				logprobs = append(logprobs, l.Token)
			}
		}
	}
	return deltas, logprobs
}

func newTestAnswer() *chatAnswer {
	return newChatAnswer(head{}, chatRequest{params: params{n: 1}, logprobs: true}, enginetest.Vocab{}, func() chat.Parser { return &marked{} })
}

func TestReasoningIsToldApart(t *testing.T) {
	a := newTestAnswer()
	deltas, _ := told(t, a, "HM", "hi")
	want := `[{"role":"assistant","content":""} {"reasoning_content":"HM"} {"content":"hi"} {}]`
	if fmt.Sprint(deltas) != want {
		t.Errorf("got %s, want %s", deltas, want)
	}
	if n := a.usage().CompletionDetails.Reasoning; n != 2 { // a token of the toy is a byte
		t.Errorf("%d reasoning tokens, want 2", n)
	}
	message := a.whole().(chatWhole).Choices[0].Message
	if *message.Content != "hi" || message.Reasoning != "HM" {
		t.Errorf("got %+v", message)
	}
}

func TestEveryLogprobIsToldOnce(t *testing.T) {
	for _, texts := range [][]string{{"a", "b"}, {"a-", "b"}, {"a", "-"}, {"", ""}, {}} {
		a := newTestAnswer()
		_, logprobs := told(t, a, texts...)
		if fmt.Sprint(logprobs) != fmt.Sprint(texts) {
			t.Errorf("of %q were told %q", texts, logprobs)
		}
		if n := len(a.whole().(chatWhole).Choices[0].Logprobs.Content); n != len(texts) {
			t.Errorf("the whole tells %d of %q", n, texts)
		}
	}
}

func TestAPromptCountsOnceForAllItsChoices(t *testing.T) {
	req := completionRequest{params: params{n: 2}, best: 2, logprobs: noLogprobs}
	a := newCompletionAnswer(head{}, req, []string{"", ""})
	for i := range 4 {
		if _, err := a.finish(i, engine.Result{Usage: engine.Usage{Prompt: 10, Cached: i, Completion: 1}}); err != nil {
			t.Fatal(err)
		}
	}
	u := a.usage()
	if u.Prompt != 20 || u.Completion != 4 || u.Total != 24 || u.PromptDetails.Cached != 0+2 {
		t.Errorf("got %+v", u)
	}
}

func TestLogprobsThatJSONCannotHold(t *testing.T) {
	ts := []engine.TokenLogprob{{Bytes: []byte("a"), Logprob: math.Inf(-1), Top: []engine.TokenLogprob{{Bytes: []byte("b"), Logprob: math.NaN()}}}}
	legacy, _ := newLegacyLogprobs(ts, 0)
	for _, v := range []any{newChatLogprobs(ts), legacy} {
		b, err := encode(v)
		if err != nil || strings.Count(string(b), "-9999") < 2 {
			t.Errorf("got %s, %v", b, err)
		}
	}
}

func TestTextOffsetsCountCharacters(t *testing.T) {
	var ts []engine.TokenLogprob
	for _, piece := range []string{"é", "\xe2\x82", "\xac", "x"} {
		ts = append(ts, engine.TokenLogprob{Bytes: []byte(piece)})
	}
	first, offset := newLegacyLogprobs(ts[:2], 0)
	rest, _ := newLegacyLogprobs(ts[2:], offset)
	if got := fmt.Sprint(first.TextOffset, rest.TextOffset); got != "[0 1] [2 2]" {
		t.Errorf("got %s", got)
	}
	if first.Tokens[1] != `bytes:\xe2\x82` {
		t.Errorf("got %q", first.Tokens)
	}
}

func TestErrorsOnTheWire(t *testing.T) {
	for _, c := range []struct {
		rule       string
		err        error
		status     int
		kind, code string
	}{
		{"busy", &engine.BusyError{Waiting: 3}, 429, "rate_limit_error", "rate_limit_exceeded"},
		{"shutting down", fmt.Errorf("submit: %w", engine.ErrClosed), 503, "server_error", "shutting_down"},
		{"too large", &http.MaxBytesError{Limit: 1}, 413, "invalid_request_error", "request_too_large"},
		{"the engine failed", fmt.Errorf("%w: secret", engine.ErrFailed), 500, "server_error", "internal_error"},
		{"anything else", errors.New("secret"), 500, "server_error", "internal_error"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			e := From(c.err)
			b, err := json.Marshal(e)
			if err != nil || e.Status != c.status || e.Type != c.kind || e.Code != c.code || strings.Contains(string(b), "secret") {
				t.Errorf("got %d %s, %v", e.Status, b, err)
			}
		})
	}
}

func TestRetryAfterIsWholeSecondsAndAtLeastOne(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "1", time.Millisecond: "1", time.Second: "1", 1100 * time.Millisecond: "2", time.Minute: "60"} {
		if got := seconds(d); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
}

func TestWhatIsSaidBackIsShort(t *testing.T) {
	for _, s := range []string{strings.Repeat("x", 1000), strings.Repeat("é", 1000)} {
		if got := shorten(s); len(got) > 70 || !strings.HasPrefix(s, strings.TrimSuffix(got, "…")) {
			t.Errorf("got %q", got)
		}
	}
}
