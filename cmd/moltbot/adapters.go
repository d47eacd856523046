package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/moltbot/moltbot/internal/config"
	"github.com/moltbot/moltbot/models"
	"github.com/moltbot/moltbot/models/gguf"
	"github.com/moltbot/moltbot/models/store"
)

// adapter is a checked LoRA adapter.
type adapter struct {
	config.Adapter
	id   string // names it to the engine, its content and its scale among it
	info models.Info
	size int64 // bytes in memory
}

// prepareAdapters holds the configured adapters against their model. base is its name on the wire.
func prepareAdapters(cfg config.Model, file *gguf.Model, base string) (all []adapter, err error) {
	for _, a := range cfg.Adapters.List() {
		if a.Name == base {
			return nil, fmt.Errorf("model.adapters: %q is the model's own name on the wire; give one of them another", a.Name)
		}
		found, err := file.CheckAdapter(string(a.Path))
		if err != nil {
			return nil, fmt.Errorf("model.adapters, %s: %w", a.Name, err)
		}
		prepared := adapter{Adapter: a, size: found.Bytes, info: models.Info{ID: a.Name, Parent: base, Size: found.Bytes, State: "ready"}}
		if prepared.id, err = identify(a); err != nil {
			return nil, fmt.Errorf("model.adapters, %s: %w", a.Name, err)
		}
		if info, err := os.Stat(found.Path); err == nil {
			prepared.info.Created, prepared.info.Size = info.ModTime(), info.Size()
		}
		all = append(all, prepared)
	}
	return all, nil
}

// identify names an adapter so that what was computed with another content or
// scale is never taken for its own, even after a restart.
func identify(a config.Adapter) (string, error) {
	file, err := os.Open(string(a.Path))
	if err != nil {
		return "", err
	}
	defer file.Close()
	h := sha256.New()
	fmt.Fprintln(h, a.Scale)
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	return a.Name + "@" + hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// adapted are the names on the wire that are served with an adapter.
func (p plan) adapted(base models.Model) (all []models.Model) {
	for _, a := range p.adapters {
		all = append(all, models.NewAdapted(base, a.info, a.id))
	}
	return all
}

// checkAdapters holds the adapters against the model.
func checkAdapters(_ context.Context, pt *patient) finding {
	m := pt.cfg.Model
	if m.Adapters == "" {
		return ok("none")
	}
	path, err := store.Resolve(string(m.PathOrName), string(pt.cfg.DataDir))
	if err != nil {
		return warn("look again when the model is there", "the model is missing")
	}
	file, err := gguf.Check(path)
	if err != nil {
		return warn("look again when the model is sound", "the model can't be read")
	}
	all, err := prepareAdapters(m, file, nameOnTheWire(m.Alias, path))
	if err != nil {
		return fail("name an adapter that was made for this model, or take it out of model.adapters", "%v", err)
	}
	names := ""
	for _, a := range all {
		names += fmt.Sprintf(", %s (%s, scale %v)", a.Name, megabytes(a.size), a.Scale)
	}
	return ok("%s", names[2:])
}
