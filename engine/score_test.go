package engine_test

import (
	"math"
	"testing"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/enginetest"
)

// TestAPromptIsScored: each token but the first has the log-probability that the
// tokens before it give, also in small steps, behind a kept prefix and after pauses.
func TestAPromptIsScored(t *testing.T) {
	prompt := tokens("Once upon a time")
	said := len(prompt)
	text, _ := enginetest.Continue(prompt, 40)
	for _, c := range text {
		prompt = append(prompt, engine.Token(c))
	}
	for rule, shape := range map[string]engine.Shape{
		"in one step":     {},
		"in small steps":  {Rows: 8, Seqs: 4, Outputs: 4},
		"beside a decode": {Rows: 16, Seqs: 4, Outputs: 8},
	} {
		t.Run(rule, func(t *testing.T) {
			e := enginetest.Start(t, enginetest.Options{Shape: shape}).Engine
			r := engine.Request{Prompt: prompt, MaxTokens: 3}
			complete(t, e, r)
			r.PromptLogprobs, r.TopLogprobs = true, 2
			a := complete(t, e, r)
			if a.Usage.Cached != 0 {
				t.Errorf("%d tokens were not computed", a.Usage.Cached)
			}
			wantScored(t, a.chunks[0].Prompt, prompt, said)
		})
	}
}

func wantScored(t *testing.T, got []engine.TokenLogprob, prompt []engine.Token, said int) {
	t.Helper()
	if len(got) != len(prompt) || !math.IsNaN(got[0].Logprob) {
		t.Fatalf("%d tokens of %d, the first %+v", len(got), len(prompt), got[0])
	}
	for i, lp := range got[1:] {
		place := i + 1
		if lp.Token != prompt[place] || lp.Logprob > 0 {
			t.Errorf("place %d: %+v, want token %d", place, lp, prompt[place])
		}
		if likeliest := lp.Top[0].Token; place >= said && likeliest != prompt[place] {
			t.Errorf("place %d: %d is the likeliest, the toy says %d", place, likeliest, prompt[place])
		}
	}
}
