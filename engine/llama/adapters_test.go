//go:build cgo

package llama

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// greedyWith continues a text through an adapter. It returns the whole text.
func greedyWith(t *testing.T, e *engine.Engine, v engine.Vocab, adapter, text string) (string, engine.Usage) {
	t.Helper()
	prompt, err := v.Tokenize(text, true, true)
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.Submit(t.Context(), engine.Request{Prompt: prompt, MaxTokens: answer, Adapter: adapter, IgnoreEOS: true})
	if err != nil {
		t.Error(err)
		return "", engine.Usage{}
	}
	defer s.Close()
	var out strings.Builder
	for {
		c, err := s.Recv(t.Context())
		if errors.Is(err, io.EOF) {
			return out.String(), s.Result().Usage
		}
		if err != nil {
			t.Error(err)
			return "", engine.Usage{}
		}
		out.WriteString(c.Text)
	}
}

// answer is short of where the likeliest tokens come close: another batch shape
// moves the scores by some percent.
const answer = 14

const opening = "The old lighthouse keeper climbed the stairs every evening, because"

func TestAdaptersBesideEachOtherSayWhatTheySayAlone(t *testing.T) {
	alone := map[string]string{}
	e, v := adapted(t, 1)
	for _, id := range []string{"", "one", "two", "off"} {
		alone[id], _ = greedyWith(t, e, v, id, opening)
	}
	if alone["off"] != alone[""] {
		t.Errorf("at scale 0: got %q, want %q", alone["off"], alone[""])
	}
	if alone["one"] == alone[""] || alone["two"] == alone[""] || alone["one"] == alone["two"] {
		t.Errorf("adapters change nothing: %q", alone)
	}
	together, v := adapted(t, 12)
	var all sync.WaitGroup
	for i := range 12 {
		id := []string{"", "one", "two"}[i%3]
		all.Go(func() {
			if got, _ := greedyWith(t, together, v, id, opening); got != alone[id] {
				t.Errorf("request %d, adapter %q: got %q, want %q", i, id, got, alone[id])
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
			if _, usage := greedyWith(t, e, v, c.adapter, opening); (usage.Cached > 0) != c.reused {
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
	if got, _ := greedyWith(t, e, v, "", opening); got == "" {
		t.Error("the engine is silent after it")
	}
}
