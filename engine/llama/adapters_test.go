//go:build cgo

package llama

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/internal/testmodel"
)

// adapted opens an engine over SmolLM2 with the adapters "one", "two" and "off", whose scale is 0.
func adapted(t *testing.T, seqs int) (*engine.Engine, engine.Vocab) {
	t.Helper()
	one := testmodel.Adapter(t, "smollm2", 1)
	m, err := Open(t.Context(), Options{
		Path: testmodel.Path(t, "smollm2"), Cells: 4096, Seqs: seqs, Rows: 256, Threads: 1, MMap: true, KVType: "f16",
		Adapters: []Adapter{{"one", one, 1}, {"two", testmodel.Adapter(t, "smollm2", 2), 1}, {"off", one, 0}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Template.Close)
	e, err := engine.New(m.Backend, m.Vocab, engine.Config{Limits: engine.Limits{Queue: 100}, Cache: engine.Cache{RAM: 64 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	return e, m.Vocab
}

// said is what a request said, with the likeliest tokens of each step.
type said struct {
	text  string
	steps []engine.TokenLogprob
	usage engine.Usage
}

// greedyWith continues a text through an adapter.
func greedyWith(t *testing.T, e *engine.Engine, v engine.Vocab, adapter, text string) (out said) {
	t.Helper()
	prompt, err := v.Tokenize(text, true, true)
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.Submit(t.Context(), engine.Request{Prompt: prompt, MaxTokens: 14, Adapter: adapter, IgnoreEOS: true, Logprobs: true, TopLogprobs: 20})
	if err != nil {
		t.Error(err)
		return out
	}
	defer s.Close()
	for {
		c, err := s.Recv(t.Context())
		if errors.Is(err, io.EOF) {
			out.usage = s.Result().Usage
			return out
		}
		if err != nil {
			t.Error(err)
			return out
		}
		out.text += c.Text
		out.steps = append(out.steps, c.Logprobs...)
	}
}

// apart returns how far the log-probabilities of two answers are from each other, on
// average over the likeliest tokens, up to the step where their tokens part: behind
// it they speak of other texts.
func (a said) apart(b said) float64 {
	var sum float64
	n := 0
	for i := range min(len(a.steps), len(b.steps)) {
		of := map[engine.Token]float64{}
		for _, top := range a.steps[i].Top {
			of[top.Token] = top.Logprob
		}
		for _, top := range b.steps[i].Top {
			if p, ok := of[top.Token]; ok {
				sum += math.Abs(p - top.Logprob)
				n++
			}
		}
		if a.steps[i].Token != b.steps[i].Token {
			break
		}
	}
	return sum / float64(n)
}

const opening = "The old lighthouse keeper climbed the stairs every evening, because"

// TestAdaptersBesideEachOtherSayWhatTheySayAlone compares what the answers find likely,
// since another batch shape moves that by some percent, and the texts with it. Whoever
// got another adapter, or none, would be nearer to that one's answer.
func TestAdaptersBesideEachOtherSayWhatTheySayAlone(t *testing.T) {
	alone := map[string]said{}
	e, v := adapted(t, 1)
	for _, id := range []string{"", "one", "two", "off"} {
		alone[id] = greedyWith(t, e, v, id, opening)
	}
	if got, want := alone["off"], alone[""]; got.text != want.text || got.apart(want) != 0 {
		t.Errorf("at scale 0: got %q, want %q, %.3f apart", got.text, want.text, got.apart(want))
	}
	delete(alone, "off")
	together, v := adapted(t, 12)
	var all sync.WaitGroup
	for i := range 12 {
		id := []string{"", "one", "two"}[i%3]
		all.Go(func() {
			got := greedyWith(t, together, v, id, opening)
			own := got.apart(alone[id])
			t.Logf("request %d, adapter %q: %.3f from itself alone", i, id, own)
			for other, want := range alone {
				if d := got.apart(want); other != id && d < 2*own {
					t.Errorf("request %d, adapter %q: %.3f from itself alone, %.3f from adapter %q", i, id, own, d, other)
				}
			}
		})
	}
	all.Wait()
}

func TestPrefixesAreNotSharedBetweenAdapters(t *testing.T) {
	e, v := adapted(t, 2)
	for _, c := range []struct {
		rule, adapter string
		reused        bool
	}{
		{"the first computes it", "one", false},
		{"the same adapter finds it", "one", true},
		{"another one doesn't", "two", false},
		{"nor does the model alone", "", false},
		{"what the model alone computed it finds", "", true},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if usage := greedyWith(t, e, v, c.adapter, opening).usage; (usage.Cached > 0) != c.reused {
				t.Errorf("%d of %d tokens were reused", usage.Cached, usage.Prompt)
			}
		})
	}
}

func TestAnUnknownAdapterEndsItsRequestAlone(t *testing.T) {
	e, v := adapted(t, 2)
	prompt, err := v.Tokenize(opening, true, true)
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.Submit(t.Context(), engine.Request{Prompt: prompt, MaxTokens: 4, Adapter: "none of ours"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Recv(t.Context()); !errors.Is(err, engine.ErrFailed) || !strings.Contains(fmt.Sprint(err), `no adapter "none of ours"`) {
		t.Errorf("got %v", err)
	}
	if greedyWith(t, e, v, "", opening).text == "" {
		t.Error("the engine is silent after it")
	}
}
