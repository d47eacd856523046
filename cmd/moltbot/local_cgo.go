//go:build cgo

package main

import (
	"context"

	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/llama"
	"github.com/moltbot/moltbot/models"
)

// local is a model that this process runs.
type local struct {
	*models.Local
	template *llama.Template
}

// Close ends the engine and frees what C holds.
func (l local) Close(ctx context.Context) {
	l.Engine().Close(ctx)
	l.template.Close()
}

// options is the plan in the words of engine/llama.
func (p plan) options() llama.Options {
	return llama.Options{
		Path: p.path, Cells: p.KVCells, Seqs: p.Parallel, Rows: p.Batch, Threads: p.Threads,
		GPULayers: p.GPULayers, MMap: p.MMap, KVType: p.KVType,
	}
}

// openLocal loads the planned model and starts an engine over it.
func openLocal(ctx context.Context, p plan, log zerolog.Logger) (served, error) {
	m, err := llama.Open(ctx, p.options())
	if err != nil {
		return nil, err
	}
	e, err := engine.New(m.Backend, m.Vocab, engine.Config{Context: p.Ctx, Chunk: p.Chunk, Queue: p.Queue, Log: log})
	if err != nil {
		m.Backend.Close()
		m.Template.Close()
		return nil, err
	}
	return local{Local: models.NewLocal(p.info, e, m.Vocab, m.Template), template: m.Template}, nil
}
