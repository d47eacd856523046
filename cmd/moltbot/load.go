package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/internal/config"
	"github.com/moltbot/moltbot/models/gguf"
	"github.com/moltbot/moltbot/models/store"
)

// opener loads a model into an engine; log takes llama.cpp's lines too. A
// program without cgo has one that says so.
type opener func(ctx context.Context, p plan, log zerolog.Logger) (served, error)

// load puts the models on the shelf, first those that embed and rank: find or
// fetch the file, check it, compare it with the memory, try it apart, open it.
func (s *service) load(ctx context.Context) error {
	if err := s.loadEncoders(ctx); err != nil {
		return err
	}
	p, err := prepare(ctx, s.cfg, s.out)
	if err != nil {
		return err
	}
	for _, id := range p.names() {
		if err := s.shelf.free(id); err != nil {
			return err
		}
	}
	s.log.Info().Str("model", p.info.ID).Str("file", p.files()).
		Int("ctx", p.Ctx).Int("parallel", p.Parallel).Int("threads", p.Threads).Msg("loading")
	if err := s.probe(ctx, p); err != nil {
		return err
	}
	m, err := s.open(ctx, p, s.log)
	if err != nil {
		return fmt.Errorf("load %s: %w", p.files(), err)
	}
	if err := prewarm(ctx, m, p, s.log); err != nil {
		atOnce, cancel := context.WithCancel(context.Background())
		cancel()
		m.Close(atOnce)
		return err
	}
	s.shelf.put(m, p.adapted(m))
	s.chat = p.chat
	return nil
}

// prepare does all that can be done before C sees the file. What it fetches it tells out.
func prepare(ctx context.Context, cfg config.Config, out io.Writer) (plan, error) {
	path, err := find(ctx, string(cfg.Model.PathOrName), "--model", cfg, out)
	if err != nil {
		return plan{}, err
	}
	file, err := gguf.Check(path)
	if err != nil {
		return plan{}, fmt.Errorf("%w; %s", err, mendFile(string(cfg.Model.PathOrName), "--model"))
	}
	draft, err := findDraft(ctx, cfg, out)
	if err != nil {
		return plan{}, err
	}
	servers, err := askServers(ctx, cfg.Model)
	if err != nil {
		return plan{}, err
	}
	native := nativeLibraries().with(servers)
	if err := judgeSplit(cfg.Model, native.devices()); err != nil {
		return plan{}, err
	}
	free := freeMemory(cfg.Model, native)
	p := newPlanWith(draft, cfg.Model, file, free)
	p.data, p.cache = string(cfg.DataDir), cfg.Cache
	if p.draft != nil {
		p.draft.data = p.data
	}
	if p.adapters, err = prepareAdapters(cfg.Model, file, p.info.ID); err != nil {
		return plan{}, err
	}
	for _, a := range p.adapters {
		p.need.Weights += a.size
	}
	return p, p.fits(free)
}

// find returns the path of a model's file; a known model that isn't there is
// fetched. where is what to name another with.
func find(ctx context.Context, name, where string, cfg config.Config, out io.Writer) (string, error) {
	data := string(cfg.DataDir)
	path, err := store.Resolve(name, data)
	if missing, ok := errors.AsType[*store.MissingError](err); ok {
		return store.Pull(ctx, missing.Spec, data, out)
	}
	if err != nil {
		return "", fmt.Errorf("%w; name one with %s", err, where)
	}
	return path, nil
}

// mendFile says what to do about a damaged model file; where is what to name another with.
func mendFile(name, where string) string {
	if _, ok := store.Lookup(name); ok {
		return fmt.Sprintf("fetch it again with `moltbot models pull %s`", name)
	}
	return "get the file again, or name another with " + where
}
