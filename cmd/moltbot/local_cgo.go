//go:build cgo

package main

import (
	"context"
	"fmt"

	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/embed"
	"github.com/moltbot/moltbot/engine/llama"
	"github.com/moltbot/moltbot/models"
)

// local is a model that this process runs.
type local struct {
	*models.Local
	template *llama.Template
	keep     func() // what was learned of the machine
}

// Done implements served.
func (l local) Done() <-chan struct{} { return l.Engine().Done() }

// Close ends the engine and frees what C holds.
func (l local) Close(ctx context.Context) {
	l.Engine().Close(ctx)
	l.keep()
	l.template.Close()
}

// options is the plan in the words of engine/llama.
func (p plan) options() llama.Options {
	o := llama.Options{
		Path: p.path, Cells: p.KVCells, Seqs: p.Parallel, Rows: p.Batch, Threads: p.Threads, MMap: p.MMap,
		KVType: p.KVType, KVTypeV: p.KVTypeOfV(), FlashAttn: p.FlashAttention, SWAFull: p.swaFull,
		Devices: llama.Devices{
			GPULayers: p.GPULayers, SplitMode: p.SplitMode, TensorSplit: p.TensorSplit.List(), MainGPU: p.MainGPU, RPC: p.RPC.List(),
		},
	}
	for _, a := range p.adapters {
		o.Adapters = append(o.Adapters, llama.Adapter{ID: a.id, Path: string(a.Path), Scale: a.Scale})
	}
	return o
}

// loaded is what llama.cpp has opened for a plan.
type loaded struct {
	*llama.Model
	draft *llama.Draft // nil: none
}

// openFiles opens the planned model, and before it the draft model, on whose
// threads it computes.
func openFiles(ctx context.Context, p plan) (l loaded, err error) {
	o := p.options()
	if p.draft != nil {
		if l.draft, err = llama.OpenDraft(ctx, p.draft.options()); err != nil {
			return l, fmt.Errorf("%s: %w; name another, or take it out", draftKey, err)
		}
		o.Beside = l.draft
	}
	if l.Model, err = llama.Open(ctx, o); err != nil {
		l.close()
		return l, err
	}
	if l.draft != nil {
		if err := l.Accepts(l.draft); err != nil {
			l.close()
			return l, fmt.Errorf("%s: %w; name a smaller model of the same family, or take it out", draftKey, err)
		}
	}
	return l, nil
}

// close frees what is open.
func (l loaded) close() {
	if l.draft != nil {
		l.draft.Backend.Close()
	}
	if l.Model != nil {
		l.Backend.Close()
		l.Template.Close()
	}
}

// openLocal loads the planned model and starts an engine over it.
func openLocal(ctx context.Context, p plan, log zerolog.Logger) (served, error) {
	m, err := openFiles(ctx, p)
	if err != nil {
		return nil, err
	}
	e, keep, err := startEngine(m, p, log)
	if err != nil {
		m.close()
		return nil, err
	}
	return local{Local: models.NewLocal(p.info, e, m.Vocab, m.Template, m.Grammars), template: m.Template, keep: keep}, nil
}

// startEngine measures the backends' steps where that was not done before. keep
// writes down what running has taught of them.
func startEngine(m loaded, p plan, log zerolog.Logger) (e *engine.Engine, keep func(), err error) {
	table, err := calibrated(m.Backend, p, log)
	if err != nil {
		return nil, nil, err
	}
	cfg, keep := p.engine(table.costs, log), table.keep
	if m.draft != nil {
		own, err := calibrated(m.draft.Backend, *p.draft, log)
		if err != nil {
			return nil, nil, err
		}
		cfg.Draft = &engine.Draft{Backend: m.draft.Backend, Costs: own.costs}
		keep = func() { own.keep(); table.keep() }
	}
	e, err = engine.New(m.Backend, m.Vocab, cfg)
	return e, keep, err
}

// openLocalEncoder loads the planned encoder and starts an embedder over it.
func openLocalEncoder(ctx context.Context, p encoderPlan, log zerolog.Logger) (servedEmbedder, error) {
	m, err := llama.OpenEmbedding(ctx, llama.EmbeddingOptions{
		Path: p.path, Context: p.cfg.Ctx, Threads: p.model.Threads, GPULayers: p.model.GPULayers, MMap: p.model.MMap,
	})
	if err != nil {
		return nil, err
	}
	l := models.NewLocalEmbedder(p.info, embed.New(m.Backend, embed.Config{Queue: p.model.Queue, Log: log}), m.Vocab)
	if p.role.ranks {
		return models.NewLocalReranker(l, m.Pair, m.Probability), nil
	}
	return l, nil
}
