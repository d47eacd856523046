package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moltbot/moltbot/internal/config"
	"github.com/moltbot/moltbot/internal/testmodel"
	"github.com/moltbot/moltbot/models/store"
)

// healthy is a machine with a real model and much memory.
func healthy(t *testing.T) *patient {
	t.Helper()
	pt := &patient{cfg: config.Default(), free: 64e9}
	pt.cfg.DataDir = config.Path(t.TempDir())
	pt.cfg.Model.PathOrName = config.Path(testmodel.Path(t, "smollm2"))
	return pt
}

func wantFinding(t *testing.T, got finding, status, text string) {
	t.Helper()
	if got.Status != status || !strings.Contains(got.Found, text) || status == "fail" && got.Mend == "" {
		t.Errorf("got %+v, want %s with %q", got, status, text)
	}
}

func TestCheckModel(t *testing.T) {
	pt := healthy(t)
	wantFinding(t, checkModel(t.Context(), pt), "ok", "llama, Q4_1, trained for 8192 tokens")

	whole, err := os.ReadFile(string(pt.cfg.Model.PathOrName))
	if err != nil {
		t.Fatal(err)
	}
	pt.cfg.Model.PathOrName = config.Path(put(t, "cut.gguf", string(whole[:len(whole)/2]), 0o600))
	wantFinding(t, checkModel(t.Context(), pt), "fail", "truncated")

	pt.cfg.Model.PathOrName = config.Path(put(t, "other.gguf", "GIF89a", 0o600))
	wantFinding(t, checkModel(t.Context(), pt), "fail", "not a usable GGUF file")

	pt.cfg.Model.PathOrName = "smollm2"
	wantFinding(t, checkModel(t.Context(), pt), "warn", "not fetched yet")
}

func TestCheckModelFindsAFlippedBitInAKnownOne(t *testing.T) {
	pt := healthy(t)
	bytes, err := os.ReadFile(string(pt.cfg.Model.PathOrName))
	if err != nil {
		t.Fatal(err)
	}
	bytes[len(bytes)-1] ^= 1
	dir := store.Dir(string(pt.cfg.DataDir))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, store.Known()[0].File), bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	pt.cfg.Model.PathOrName = "smollm2"
	got := checkModel(t.Context(), pt)
	wantFinding(t, got, "fail", "")
	if got.Mend != "fetch it again with `moltbot models pull smollm2`" {
		t.Errorf("got %+v", got)
	}
}

func TestCheckMemory(t *testing.T) {
	pt := healthy(t)
	wantFinding(t, checkMemory(t.Context(), pt), "ok", "64000.0 MB free")
	pt.free = 50e6
	wantFinding(t, checkMemory(t.Context(), pt), "fail", "50.0 MB free")
	pt.free = -1
	wantFinding(t, checkMemory(t.Context(), pt), "warn", "does not tell")
}

func TestCheckDisk(t *testing.T) {
	pt := healthy(t)
	pt.cfg.DataDir = config.Path(filepath.Join(t.TempDir(), "not", "there", "yet"))
	wantFinding(t, checkDisk(t.Context(), pt), "ok", "free in "+string(pt.cfg.DataDir))

	pt.cfg.DataDir = config.Path(put(t, "file", "", 0o600))
	wantFinding(t, checkDisk(t.Context(), pt), "fail", "is not a folder")
}

func TestRoomFor(t *testing.T) {
	pt := healthy(t)
	wantFinding(t, roomFor(pt, 1e6), "ok", "1.0 MB free")
	pt.cfg.Model.PathOrName = "smollm2" // is still to be fetched
	wantFinding(t, roomFor(pt, 1e6), "fail", "1.0 MB free")
	wantFinding(t, roomFor(pt, 1e9), "ok", "1000.0 MB free")
}

func TestCheckLibraries(t *testing.T) {
	pt := &patient{native: libraries{Version: "0.5.0", Dir: "/opt/lib", Backends: []string{"CPU"}}}
	wantFinding(t, checkLibraries(t.Context(), pt), "ok", "llama.cpp 0.5.0 in /opt/lib, computing on CPU")
	pt.native.Kernels = "AVX512-VNNI"
	wantFinding(t, checkLibraries(t.Context(), pt), "ok", "computing on CPU with our kernels for AVX512-VNNI")
	pt.native.Err = errors.New("no plug-in runs on this CPU")
	wantFinding(t, checkLibraries(t.Context(), pt), "fail", "no plug-in")
}
