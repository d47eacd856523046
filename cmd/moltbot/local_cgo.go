//go:build cgo

package main

import (
	"context"

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

// openLocal loads the planned model and starts an engine over it.
func openLocal(ctx context.Context, p plan, log zerolog.Logger) (served, error) {
	m, err := llama.Open(ctx, p.options())
	if err != nil {
		return nil, err
	}
	e, table, err := startEngine(m, p, log)
	if err != nil {
		m.Backend.Close()
		m.Template.Close()
		return nil, err
	}
	return local{Local: models.NewLocal(p.info, e, m.Vocab, m.Template, m.Grammars), template: m.Template, keep: table.keep}, nil
}

// startEngine measures the backend's steps where that was not done before.
func startEngine(m *llama.Model, p plan, log zerolog.Logger) (*engine.Engine, costTable, error) {
	table, err := calibrated(m.Backend, p, log)
	if err != nil {
		return nil, costTable{}, err
	}
	e, err := engine.New(m.Backend, m.Vocab, p.engine(table.costs, log))
	return e, table, err
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
