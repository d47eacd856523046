//go:build cgo

package llama

import (
	"context"
	"errors"
	"fmt"

	cllama "github.com/moltbot/moltbot/cgo/llama"
	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/constrain"
)

// Options say how a model is to be opened.
type Options struct {
	Path      string
	Cells     int // KV cells, all sequences together
	Seqs      int // sequences that run at once
	Rows      int // of one step
	Threads   int
	GPULayers int    // on the GPU, where there is one; -1: all
	MMap      bool   // map the file
	KVType    string // f32, f16, bf16, q8_0, q4_0
	// SWAFull gives sliding-window layers as many cells as the others: more
	// memory, and longer prefixes of what is kept can be resumed.
	SWAFull bool
}

// Model is an open model: what an engine needs of it.
type Model struct {
	Backend  engine.Backend
	Vocab    engine.Vocab
	Template *Template
	// Grammars compiles what answers must follow; Backend.Close closes it.
	Grammars constrain.Compiler
}

// poll is how hard ggml's idle threads spin between graphs: its own default,
// measured in docs/benchmarks.
const poll = 50

var kvTypes = map[string]cllama.KVType{
	"f32": cllama.KVF32, "f16": cllama.KVF16, "bf16": cllama.KVBF16, "q8_0": cllama.KVQ8, "q4_0": cllama.KVQ4,
}

// Open loads a model, which takes seconds; it gives up when ctx ends.
func Open(ctx context.Context, o Options) (*Model, error) {
	m, err := cllama.LoadModel(o.Path, cllama.ModelParams{
		GPULayers: o.GPULayers, LoadMode: loadMode(o.MMap), MainGPU: -1,
		Progress: func(float32) bool { return ctx.Err() == nil },
	})
	if err != nil {
		return nil, err
	}
	opened, err := open(m, o)
	if err != nil {
		m.Close()
		return nil, err
	}
	return opened, nil
}

func loadMode(mmap bool) cllama.LoadMode {
	if mmap {
		return cllama.LoadMmap
	}
	return cllama.LoadRead
}

func open(m *cllama.Model, o Options) (*Model, error) {
	if m.HasEncoder() || !m.HasDecoder() {
		return nil, fmt.Errorf("%s is not a model that continues text", m.Desc())
	}
	t, err := NewTemplate(m, "")
	if err != nil {
		return nil, fmt.Errorf("the model's chat template: %w", err)
	}
	b, err := newBackend(m, o)
	if err != nil {
		t.Close()
		return nil, err
	}
	return &Model{Backend: b, Vocab: vocab{m.Vocab()}, Template: t, Grammars: b.grammars}, nil
}

func newBackend(m *cllama.Model, o Options) (*backend, error) {
	rows := min(o.Rows, o.Cells)
	seqs := min(o.Seqs, rows, cllama.MaxSeqs-1)
	states := m.IsRecurrent() || m.IsHybrid()
	spare := 1
	if states {
		spare = 0 // a state can't be cut, so no part is ever read
	}
	kv := kvTypes[o.KVType]
	x, err := cllama.NewContext(m, cllama.ContextParams{
		Cells: o.Cells, Rows: rows, Seqs: seqs + spare, Outputs: outputs(seqs+spare, rows),
		Threads: o.Threads, ThreadsBatch: o.Threads, Poll: poll,
		TypeK: kv, TypeV: kv, Unified: true, SWAFull: o.SWAFull,
	})
	if err != nil {
		return nil, err
	}
	shape := engine.Shape{
		Vocab: m.Vocab().NTokens(), Cells: o.Cells, Seqs: seqs, Rows: rows, Outputs: outputs(seqs, rows),
		States: states, Fuse: onGPU(o.GPULayers),
	}
	if states || m.SWA() > 0 {
		shape.Tail = tail
	}
	b := &backend{
		model: m, ctx: x, mem: x.Memory(), batch: cllama.NewBatch(rows),
		shape: shape, states: states,
		sharedWindow: o.SWAFull, spare: cllama.SeqID(seqs),

		grammars: newGrammars(m.Vocab()),
	}
	return b, b.warmUp()
}

// outputs is how many rows of a step may give scores.
func outputs(seqs, rows int) int { return min(seqs+engine.DraftRows, rows) }

// onGPU tells whether steps are computed on a GPU.
func onGPU(layers int) bool {
	for _, d := range cllama.Devices() {
		if layers != 0 && (d.Type == cllama.DeviceGPU || d.Type == cllama.DeviceIGPU) {
			return true
		}
	}
	return false
}

// warmUpPos isn't 0, where rotary embeddings turn nothing and would not show in the identity.
const warmUpPos = 100

// warmUp computes one row, so that the first request doesn't pay for pages and
// graphs, and learns from its state what states are like.
func (b *backend) warmUp() error {
	row := engine.Row{Pos: warmUpPos, Output: true}
	if b.states {
		row.Pos = 0
	}
	err := b.Decode([]engine.Row{row})
	if err == nil && !b.states {
		err = b.probe()
	}
	if err == nil && !b.Remove(0, 0) {
		err = errors.New("the memory can't be emptied")
	}
	if err != nil {
		b.batch.Close()
		b.ctx.Close()
		return fmt.Errorf("llama: first step: %w", err)
	}
	return nil
}
