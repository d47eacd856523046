//go:build cgo

package main

import (
	"encoding/json"
	"math"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moltbot/moltbot/bench/kernel"
	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/llama"
	"github.com/moltbot/moltbot/internal/testmodel"
)

// randomModel writes a tiny model with random weights and the vocabulary of SmolLM2.
func randomModel(t *testing.T, format string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "random.gguf")
	out, err := exec.Command("go", "run", "../../scripts/randgguf", "-vocab", testmodel.Path(t, "smollm2"), "-type", format, "-out", path,
		"-layers", "4", "-embd", "256", "-heads", "4", "-kv-heads", "2", "-ff", "512", "-ctx", "512").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

func TestRandomWeightsSayFiniteAndChangingThings(t *testing.T) {
	for _, format := range []string{"q4_0", "q4_k"} {
		m, err := llama.Open(t.Context(), llama.Options{Path: randomModel(t, format), Cells: 256, Seqs: 1, Rows: 32, Threads: 1, KVType: "f16"})
		if err != nil {
			t.Fatal(err)
		}
		said := map[int]bool{}
		for pos, next := 0, 1; pos < 48; pos++ {
			if err := m.Backend.Decode([]engine.Row{{Token: engine.Token(next), Pos: engine.Pos(pos), Output: true}}); err != nil {
				t.Fatal(err)
			}
			next = likeliest(t, m.Backend.Logits(0))
			said[next] = true
		}
		if len(said) < 24 {
			t.Errorf("%s: 48 tokens of text are %d different ones", format, len(said))
		}
		m.Backend.Close()
		m.Template.Close()
	}
}

// likeliest returns the token with the highest logit; all must be sane numbers.
func likeliest(t *testing.T, logits []float32) (best int) {
	t.Helper()
	squares := 0.0
	for i, x := range logits {
		squares += float64(x) * float64(x)
		if x > logits[best] {
			best = i
		}
	}
	if spread := math.Sqrt(squares / float64(len(logits))); !(spread > 1 && spread < 10) { // so that NaN fails
		t.Fatalf("the logits spread by %g", spread)
	}
	return best
}

func TestBenchKernelMeasuresARealModel(t *testing.T) {
	line := []string{"bench", "kernel", "--model", randomModel(t, "q4_0"), "--threads", "1", "--prompt-tokens", "8,40", "--output-tokens", "4", "--batch", "1,3"}
	got := command(t, process{}, line...)
	if got.code != 0 || strings.Count(got.out, "\n|") != 5 || !strings.Contains(got.out, "\n|    40 |      4 |    3 |    132 |") ||
		!strings.Contains(got.out, "Roofline: a step reads 8.") || strings.Count(got.out, "\n- depth") != 2 {
		t.Errorf("got %+v", got)
	}
	got = command(t, process{}, append(line, "--json")...)
	var r kernel.Report
	if err := json.Unmarshal([]byte(got.out), &r); err != nil || len(r.Lines) != 4 || r.Threads != 1 || r.Roofline == nil || r.Model != "random" {
		t.Errorf("got %+v, %v", got, err)
	}
}
