package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"

	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/internal/config"
	"github.com/moltbot/moltbot/models"
	"github.com/moltbot/moltbot/models/gguf"
	"github.com/moltbot/moltbot/models/store"
)

// servedEmbedder is an embedder that answers until it is closed, as served is.
type servedEmbedder interface {
	models.Embedder
	Close(ctx context.Context)
}

// encoderOpener loads a model that embeds or ranks.
type encoderOpener func(ctx context.Context, p encoderPlan, log zerolog.Logger) (servedEmbedder, error)

// role is what a model is for that doesn't write text.
type role struct {
	name  string // "embedding", "rerank": its section of the configuration
	flag  string
	ranks bool
}

var (
	embedding = role{"embedding", "--embedding-model", false}
	rerank    = role{"rerank", "--rerank-model", true}
)

// of returns the role's section; both have the same keys.
func (r role) of(cfg config.Config) config.Embedding {
	if r.ranks {
		return config.Embedding(cfg.Rerank)
	}
	return cfg.Embedding
}

// encoderPlan is how a checked encoder will be opened: the configuration with every 0 resolved.
type encoderPlan struct {
	role  role
	cfg   config.Embedding
	model config.Model // what both kinds of model share: threads, queue, mmap, gpu_layers
	info  models.Info
	path  string
	need  gguf.Need // memory
}

// loadEncoders puts the configured encoders on the shelf.
func (s *service) loadEncoders(ctx context.Context) error {
	for _, r := range []role{embedding, rerank} {
		if r.of(s.cfg).Model == "" {
			continue
		}
		p, err := prepareEncoder(s.cfg, r)
		if err != nil {
			return err
		}
		if err := s.loadEncoder(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (s *service) loadEncoder(ctx context.Context, p encoderPlan) error {
	if err := s.shelf.free(p.info.ID); err != nil {
		return err
	}
	s.log.Info().Str("model", p.info.ID).Str("file", p.path).Int("ctx", p.cfg.Ctx).Msg("loading")
	if err := s.tryApart(ctx, p.key(), p.path, p.role.mend(), p.role.name); err != nil {
		return err
	}
	m, err := s.openEncoder(ctx, p, s.log)
	if err != nil {
		return fmt.Errorf("load %s: %w", p.path, err)
	}
	s.shelf.putEmbedder(m)
	return nil
}

// prepareEncoder does all that can be done before C sees the file.
func prepareEncoder(cfg config.Config, r role) (encoderPlan, error) {
	path, err := store.Resolve(string(r.of(cfg).Model), string(cfg.DataDir))
	if err != nil {
		return encoderPlan{}, fmt.Errorf("%w; name one with %s", err, r.flag)
	}
	file, err := gguf.CheckEncoder(path)
	if err != nil {
		return encoderPlan{}, fmt.Errorf("%w; %s", err, r.mend())
	}
	if err := r.suits(file); err != nil {
		return encoderPlan{}, err
	}
	p := newEncoderPlan(cfg, r, file)
	return p, p.fits(freeMemory(cfg.Model, nativeLibraries()))
}

// suits refuses a model of the other role.
func (r role) suits(file *gguf.Model) error {
	ranks := file.Pooling == gguf.PoolingRank
	switch {
	case ranks && !r.ranks:
		return fmt.Errorf("%s ranks documents and doesn't embed texts; name it with %s", file.Path, rerank.flag)
	case r.ranks && !ranks:
		return fmt.Errorf("%s embeds texts and doesn't rank documents; name it with %s", file.Path, embedding.flag)
	}
	return nil
}

// mend says what to do about a file that can't be used.
func (r role) mend() string { return "get the file again, or name another with " + r.flag }

// newEncoderPlan resolves what the configuration leaves to the model and to the machine.
func newEncoderPlan(cfg config.Config, r role, file *gguf.Model) encoderPlan {
	p := encoderPlan{role: r, cfg: r.of(cfg), model: cfg.Model, path: file.Path}
	p.cfg.Ctx = cmp.Or(p.cfg.Ctx, min(file.Context, longestByDefault))
	p.model.Threads = cmp.Or(cfg.Model.Threads, physicalCores())
	p.need = file.Need(gguf.Use{Cells: p.cfg.Ctx, Seqs: 1, Rows: p.cfg.Ctx, Outputs: p.cfg.Ctx})
	p.info = models.Info{ID: nameOnTheWire(p.cfg.Alias, file.Path), Size: file.Weights, State: "ready"}
	if info, err := os.Stat(file.Path); err == nil {
		p.info.Created, p.info.Size = info.ModTime(), info.Size()
	}
	return p
}

// fits compares what the plan needs with the bytes that are free; free < 0 is unknown.
func (p encoderPlan) fits(free int64) error {
	if free < 0 || p.need.Total() <= free {
		return nil
	}
	return fmt.Errorf("too little memory: %s needs %s for texts of %d tokens, %s are free; try a smaller %s.ctx or a smaller model",
		p.info.ID, megabytes(p.need.Total()), p.cfg.Ctx, megabytes(free), p.role.name)
}

// key stands for a file and the way in which it is opened.
func (p encoderPlan) key() string {
	what := fmt.Sprint(p.role, p.cfg, p.model.Threads, p.model.GPULayers, p.model.MMap, p.path, p.info.Size, p.info.Created.UnixNano(), nativeLibraries().Version)
	return fmt.Sprintf("%x", sha256.Sum256([]byte(what)))[:32]
}

// probeEncoder opens the encoder of that role and leaves.
func probeEncoder(ctx context.Context, p process, cfg config.Config, name string) error {
	for _, r := range []role{embedding, rerank} {
		if r.name != name {
			continue
		}
		prepared, err := prepareEncoder(cfg, r)
		if err != nil {
			return err
		}
		m, err := p.openEncoder(ctx, prepared, zerolog.Nop())
		if err != nil {
			return fmt.Errorf("load %s: %w", prepared.path, err)
		}
		m.Close(ctx)
		return nil
	}
	return usageError{errors.New("probe takes embedding, rerank or nothing")}
}
