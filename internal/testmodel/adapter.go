package testmodel

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
)

// Adapter returns the path of a LoRA adapter for a model, of rank 4, with weights
// that scripts/loragguf draws from the seed: it changes every text.
func Adapter(t testing.TB, model string, seed int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), fmt.Sprintf("adapter-%d.gguf", seed))
	said, err := exec.CommandContext(t.Context(), "go", "run", "github.com/moltbot/moltbot/scripts/loragguf",
		"-model", Path(t, model), "-out", path, "-seed", fmt.Sprint(seed), "-strength", "0.15").CombinedOutput()
	if err != nil {
		t.Fatalf("adapter for the test: %v: %s", err, said)
	}
	return path
}
