package llama

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moltbot/moltbot/internal/testmodel"
)

func TestAdapterChangesWhatFollowsUntilItIsTakenOff(t *testing.T) {
	m := openModel(t, "smollm2")
	a, err := m.LoadAdapter(testmodel.Adapter(t, "smollm2", 1))
	if err != nil {
		t.Fatal(err)
	}
	x := openContext(t, m, small)
	prompt := tokenize(t, m.Vocab(), "Once upon a time")
	logits := func(a *Adapter, scale float32) []float32 {
		t.Helper()
		if err := x.SetAdapter(a, scale); err != nil {
			t.Fatal(err)
		}
		x.Memory().Clear()
		return feed(t, x, 0, 0, prompt...)
	}
	base := logits(nil, 0)
	if slices.Equal(logits(a, 1), base) {
		t.Error("the adapter changes nothing")
	}
	if !slices.Equal(logits(a, 0), base) {
		t.Error("at strength 0 it changes something")
	}
	if slices.Equal(logits(a, -0.5), logits(a, 0.5)) {
		t.Error("the sign of the strength doesn't count")
	}
	if !slices.Equal(logits(nil, 0), base) {
		t.Error("taken off it still counts")
	}
}

func TestBadAdaptersAreRefused(t *testing.T) {
	m, other := openModel(t, "smollm2"), openModel(t, "gemma3")
	good := testmodel.Adapter(t, "smollm2", 1)
	bytes, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.gguf")
	if err := os.WriteFile(cut, bytes[:len(bytes)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rule, path, want string
		m                *Model
	}{
		{"a missing file", "nowhere.gguf", "No such file", m},
		{"half a file", cut, "not within the file bounds", m},
		{"the adapter of another model", good, "mismatch", other},
		{"a model", testmodel.Path(t, "smollm2"), "expect general.type to be 'adapter'", m},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if _, err := c.m.LoadAdapter(c.path); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
	a, err := m.LoadAdapter(good)
	if err != nil {
		t.Fatal(err)
	}
	if err := openContext(t, other, small).SetAdapter(a, 1); !errors.Is(err, ErrInvalid) {
		t.Errorf("on a context of another model: got %v", err)
	}
}

func BenchmarkSetAdapter(b *testing.B) {
	m := openModel(b, "smollm2")
	a, err := m.LoadAdapter(testmodel.Adapter(b, "smollm2", 1))
	if err != nil {
		b.Fatal(err)
	}
	x := openContext(b, m, ContextParams{Cells: 8192, Rows: 512, Seqs: 16, Threads: 1, ThreadsBatch: 1, Unified: true, Outputs: 64})
	for _, c := range []struct {
		name   string
		scales [2]float32
	}{{"the same", [2]float32{1, 1}}, {"another", [2]float32{1, 2}}} {
		b.Run(c.name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if err := x.SetAdapter(a, c.scales[i%2]); err != nil {
					b.Fatal(err)
				}
				feed(b, x, 0, 0, 1)
				x.Memory().Clear()
			}
		})
	}
}
