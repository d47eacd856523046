// Package testmodel gives tests the real model files.
//
// Owns: where they lie: what MOLTBOT_TEST_SMOLLM2, _GEMMA3, _MINILM and
// _RERANKER name, else ${XDG_CACHE_HOME:-~/.cache}/moltbot/test-models, filled
// on first use; the last two are converted by scripts/bertgguf.
// Must not import: anything but models/store, so that any test may use it.
// Flow: a test calls Path; a model that can't be had fails the test.
package testmodel

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/moltbot/moltbot/models/store"
)

type source struct{ env, known string }

var sources = map[string]source{
	"smollm2": {"MOLTBOT_TEST_SMOLLM2", "smollm2"},
	"gemma3":  {"MOLTBOT_TEST_GEMMA3", "gemma3-270m"},
}

var (
	mu    sync.Mutex
	found = map[string]string{} // checked once in a process
)

// Path returns the path of a model's GGUF file: "smollm2", "gemma3", "minilm"
// (all-MiniLM-L6-v2, which embeds) or "reranker" (the same with a classifier of
// made-up weights: its numbers are right, its ranks mean nothing). It fetches the
// file when it isn't there, and ends the test when it can't.
func Path(t testing.TB, name string) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if found[name] == "" {
		path, err := find(t.Context(), name)
		if err != nil {
			t.Fatalf("model %s for the test: %v", name, err)
		}
		found[name] = path
	}
	return found[name]
}

func find(ctx context.Context, name string) (string, error) {
	src, made := sources[name], conversions[name]
	if path := os.Getenv(src.env + made.env); path != "" { // one of them is empty
		_, err := os.Stat(path)
		return path, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "moltbot", "test-models")
	if made.file != "" {
		return made.convert(ctx, dir)
	}
	spec, ok := store.Lookup(src.known)
	if !ok {
		return "", os.ErrNotExist
	}
	return store.Pull(ctx, spec, dir, os.Stderr)
}
