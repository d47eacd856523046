//go:build cgo

package llama

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	cllama "github.com/moltbot/moltbot/cgo/llama"
	"github.com/moltbot/moltbot/internal/testmodel"
)

// taught makes a copy of SmolLM2 in which control tokens that it never uses have
// the names of those around a gap.
func taught(t *testing.T) string {
	t.Helper()
	file, err := os.ReadFile(testmodel.Path(t, "smollm2"))
	if err != nil {
		t.Fatal(err)
	}
	for old, name := range map[string]string{"<issue_closed>": "<|fim_prefix|>", "<jupyter_text>": "<|fim_suffix|>", "<jupyter_code>": "<|fim_middle|>"} {
		if bytes.Count(file[:16<<20], []byte(old)) != 1 || len(old) != len(name) {
			t.Fatalf("%s is not what it was", old)
		}
		copy(file[bytes.Index(file, []byte(old)):], name)
	}
	path := filepath.Join(t.TempDir(), "taught.gguf")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheTokensAroundAGapAreTheModels(t *testing.T) {
	m, err := cllama.LoadModel(taught(t), cllama.ModelParams{LoadMode: cllama.LoadMmap})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	v := vocab{m.Vocab()}
	prefix, suffix, middle, ok := v.Infill()
	var names []byte
	names = v.Piece(v.Piece(v.Piece(names, prefix, true), suffix, true), middle, true)
	if !ok || string(names) != "<|fim_prefix|><|fim_suffix|><|fim_middle|>" {
		t.Errorf("got %q, %t", names, ok)
	}
	if _, _, _, ok := (vocab{smollm2(t).Vocab()}).Infill(); ok {
		t.Error("SmolLM2 was never taught to fill a gap")
	}
}
