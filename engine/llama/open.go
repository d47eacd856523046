//go:build cgo

package llama

import (
	"cmp"
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
	Devices   Devices
	MMap      bool   // map the file
	KVType    string // f32, f16, bf16, q8_0, q4_0
	KVTypeV   string // of the values; "": KVType
	FlashAttn string // auto, on, off; "": auto
	Adapters  []Adapter
	// SWAFull gives sliding-window layers as many cells as the others: more
	// memory, and longer prefixes of what is kept can be resumed.
	SWAFull bool
	// Beside is an open draft model, whose threads are used: as many.
	Beside *Draft
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

var flashModes = map[string]cllama.FlashAttn{
	"": cllama.FlashAuto, "auto": cllama.FlashAuto, "on": cllama.FlashOn, "off": cllama.FlashOff,
}

// Open loads a model, which takes seconds; it gives up when ctx ends.
func Open(ctx context.Context, o Options) (*Model, error) {
	m, err := loadModel(ctx, o)
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

// loadModel reads the model's file.
func loadModel(ctx context.Context, o Options) (*cllama.Model, error) {
	if err := o.Devices.connect(); err != nil {
		return nil, err
	}
	params := o.Devices.modelParams()
	params.LoadMode = loadMode(o.MMap)
	params.Progress = func(float32) bool { return ctx.Err() == nil }
	return cllama.LoadModel(o.Path, params)
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
	adapters, err := loadAdapters(m, o.Adapters)
	if err != nil {
		return nil, err
	}
	rows := min(o.Rows, o.Cells)
	seqs := min(o.Seqs, rows, cllama.MaxSeqs-1)
	states := m.IsRecurrent() || m.IsHybrid()
	spare := 1
	if states {
		spare = 0 // a state can't be cut, so no part is ever read
	}
	p := o.contextParams()
	p.Rows, p.Seqs, p.Outputs = rows, seqs+spare, outputs(seqs+spare, rows)
	x, err := cllama.NewContext(m, p)
	if err != nil {
		return nil, err
	}
	shape := engine.Shape{
		Vocab: m.Vocab().NTokens(), Cells: o.Cells, Seqs: seqs, Rows: rows, Outputs: outputs(seqs, rows),
		States: states, Pads: !states && !o.Devices.onGPU(), Fuse: o.Devices.onGPU(),
	}
	if states || m.SWA() > 0 {
		shape.Tail = tail
	}
	b := &backend{
		model: m, ctx: x, mem: x.Memory(), batch: cllama.NewBatch(rows),
		shape: shape, states: states, adapters: adapters,
		sharedWindow: o.SWAFull, spare: cllama.SeqID(seqs),

		grammars: newGrammars(m.Vocab()),
	}
	return b, b.warmUp()
}

// outputs is how many rows of a step may give scores.
func outputs(seqs, rows int) int { return min(seqs+engine.DraftRows, rows) }

// contextParams is what the options alone say of a context.
func (o Options) contextParams() cllama.ContextParams {
	p := cllama.ContextParams{
		Cells: o.Cells, Threads: o.Threads, ThreadsBatch: o.Threads, Poll: poll,
		TypeK: kvTypes[o.KVType], TypeV: kvTypes[cmp.Or(o.KVTypeV, o.KVType)],
		FlashAttn: flashModes[o.FlashAttn], Unified: true, SWAFull: o.SWAFull,
	}
	if o.Beside != nil {
		p.Beside = o.Beside.own.ctx
	}
	return p
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
