//go:build cgo

package llama

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moltbot/moltbot/batching"
	"github.com/moltbot/moltbot/engine"
	sampling "github.com/moltbot/moltbot/engine/sample"
	"github.com/moltbot/moltbot/internal/testmodel"
)

// counted counts the steps of a backend and the rows that it gives scores for.
type counted struct {
	engine.Backend
	steps, outputs int
}

func (c *counted) Decode(rows []engine.Row) error {
	c.steps++
	for _, r := range rows {
		if r.Output {
			c.outputs++
		}
	}
	return c.Backend.Decode(rows)
}

var small = Options{Cells: 1024, Seqs: 3, Rows: 64, Threads: 1, MMap: true, KVType: "f16"}

func openDraft(t *testing.T, model string) *Draft {
	t.Helper()
	o := small
	o.Path, o.SWAFull = testmodel.Path(t, model), true
	d, err := OpenDraft(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// flat are costs by which a step takes as long whatever it holds.
func flat(d time.Duration) *batching.Costs {
	return &batching.Costs{Points: []batching.Point{{Rows: 1, Time: d}, {Rows: 64, Time: d + time.Microsecond}}}
}

// drafting starts an engine over a model, beside a draft model where draft names one.
func drafting(t *testing.T, model, draft string) (e *engine.Engine, m *Model, steps, guesses *counted) {
	t.Helper()
	o, cfg := small, engine.Config{Limits: engine.Limits{Queue: 9}, NoDrafts: draft == "", Costs: flat(100 * time.Millisecond)}
	o.Path, guesses = testmodel.Path(t, model), &counted{}
	if draft != "" {
		o.Beside = openDraft(t, draft)
		guesses.Backend = o.Beside.Backend
		cfg.Draft = &engine.Draft{Backend: guesses, Costs: flat(time.Millisecond)}
	}
	m, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Template.Close)
	if o.Beside != nil {
		if err := m.Accepts(o.Beside); err != nil {
			t.Fatal(err)
		}
	}
	steps = &counted{Backend: m.Backend}
	if e, err = engine.New(steps, m.Vocab, cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	return e, m, steps, guesses
}

// goOn continues a text.
func goOn(t *testing.T, e *engine.Engine, v engine.Vocab, text string, p sampling.Params) string {
	t.Helper()
	prompt, err := v.Tokenize(text, true, true)
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.Submit(t.Context(), engine.Request{Prompt: prompt, MaxTokens: 48, IgnoreEOS: true, Sampling: p})
	if err != nil {
		t.Error(err)
		return ""
	}
	defer s.Close()
	var out strings.Builder
	for {
		c, err := s.Recv(t.Context())
		if errors.Is(err, io.EOF) {
			return out.String()
		}
		if err != nil {
			t.Error(err)
			return ""
		}
		out.WriteString(c.Text)
	}
}

// counting leaves no token in doubt: another batch shape moves the scores a little.
const counting = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,"

// TestAModelDraftsForItself: the text is the same in fewer steps, one request alone
// or three side by side, greedy or sampled.
func TestAModelDraftsForItself(t *testing.T) {
	for _, model := range []string{"smollm2", "gemma3"} {
		t.Run(model, func(t *testing.T) {
			plain, m, _, _ := drafting(t, model, "")
			e, _, steps, guesses := drafting(t, model, model)
			greedy, sampled := sampling.Params{}, sampling.Params{Temperature: 0.2, Seed: 7}
			want := goOn(t, plain, m.Vocab, counting, greedy)
			if got := goOn(t, e, m.Vocab, counting, greedy); got != want || want == "" {
				t.Errorf("with a draft model %q, without %q", got, want)
			}
			if guesses.outputs == 0 || steps.steps > 36 {
				t.Errorf("%d steps with %d guesses for 48 tokens, though they are the model's own", steps.steps, guesses.outputs)
			}
			wants := []string{want, goOn(t, plain, m.Vocab, counting, sampled), goOn(t, plain, m.Vocab, "So: "+counting, greedy)}
			var wg sync.WaitGroup
			for i, text := range []string{counting, counting, "So: " + counting} {
				wg.Go(func() {
					if got := goOn(t, e, m.Vocab, text, []sampling.Params{greedy, sampled, greedy}[i]); got != wants[i] {
						t.Errorf("side by side %q, alone and without a draft model %q", got, wants[i])
					}
				})
			}
			wg.Wait()
		})
	}
}

func TestADraftModelSpeaksTheSameVocabulary(t *testing.T) {
	_, m, _, _ := drafting(t, "smollm2", "")
	same, other := openDraft(t, "smollm2"), openDraft(t, "gemma3")
	defer same.Backend.Close()
	defer other.Backend.Close()
	if err := m.Accepts(same); err != nil {
		t.Errorf("its own vocabulary: %v", err)
	}
	if err := m.Accepts(other); err == nil || !strings.Contains(err.Error(), "another kind") {
		t.Errorf("gemma's vocabulary: %v", err)
	}
}
