package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moltbot/moltbot/internal/config"
	"github.com/moltbot/moltbot/internal/testmodel"
	"github.com/moltbot/moltbot/models/gguf"
)

func TestAdaptersArePrepared(t *testing.T) {
	file, err := gguf.Check(testmodel.Path(t, "smollm2"))
	if err != nil {
		t.Fatal(err)
	}
	path := testmodel.Adapter(t, "smollm2", 1)
	copied := filepath.Join(t.TempDir(), "copy.gguf")
	bytes, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	prepare := func(path, scale string) (adapter, error) {
		t.Helper()
		var m config.Model
		if err := m.Adapters.UnmarshalText([]byte(`[{"name":"pirate","path":"` + path + `","scale":` + scale + `}]`)); err != nil {
			t.Fatal(err)
		}
		all, err := prepareAdapters(m, file, "smollm2")
		if err != nil {
			return adapter{}, err
		}
		return all[0], nil
	}
	one, err := prepare(path, "1")
	if err != nil || one.info.Parent != "smollm2" || one.info.ID != "pirate" || one.size < 1e6 || one.info.Created.IsZero() {
		t.Fatalf("got %+v, %v", one, err)
	}
	same, err := prepare(copied, "1")
	if err != nil || same.id != one.id {
		t.Errorf("the same content in another file is %q, %v; want %q", same.id, err, one.id)
	}
	weaker, err := prepare(path, "0.5")
	if err != nil || weaker.id == one.id || !strings.HasPrefix(weaker.id, "pirate@") {
		t.Errorf("at another strength it is %q, %v", weaker.id, err)
	}
	if _, err := prepare(testmodel.Path(t, "gemma3"), "1"); err == nil || !strings.Contains(err.Error(), "model.adapters, pirate: ") {
		t.Errorf("a model as an adapter: got %v", err)
	}
}

func TestAdapterMustNotTakeTheModelsName(t *testing.T) {
	m := config.Model{Adapters: `[{"name":"smollm2","path":"a.gguf"}]`}
	if _, err := prepareAdapters(m, &gguf.Model{}, "smollm2"); err == nil || !strings.Contains(err.Error(), "the model's own name") {
		t.Errorf("got %v", err)
	}
}
