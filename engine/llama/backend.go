//go:build cgo

// Package llama is the engine's real backend: a model and a context of llama.cpp.
//
// Owns: the model, its context and the batch that is filled anew for each step.
// Must not import: batching, server; it is the only importer of cgo/llama and cgo/chat.
// Flow: Open loads a file and returns a Model; the engine takes its Backend and
// calls it from one goroutine, the others use Vocab and Template from any.
package llama

import (
	"errors"
	"fmt"

	cllama "github.com/moltbot/moltbot/cgo/llama"
	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/guidance"
)

// backend implements engine.Backend.
type backend struct {
	model *cllama.Model
	ctx   *cllama.Context
	mem   cllama.Memory
	batch *cllama.Batch
	shape engine.Shape
	// window is how many tokens the sliding-window layers reach back; 0: there are none.
	window engine.Pos
	// sharedWindow: those layers have as many cells as the others (swa_full), so
	// forks may share them.
	sharedWindow bool
	// spare is the sequence, one more than Shape tells, that parts of others are
	// read out of and into, and that rows which only fill up a batch belong to.
	spare cllama.SeqID
	// piece is the most tokens of one state in a blob.
	piece engine.Pos
	// identity names all that a state depends on.
	identity [32]byte
	scratch  []byte // of Fork
	// states: the memory can't be cut (recurrent layers), only continued or forgotten.
	states bool
	// adapters are those that are loaded, by ID; "" is none.
	adapters map[string]adapter
	// grammars are made from the model's vocabulary, so they are closed before it.
	grammars *guidance.Compiler
}

// tail is where llama-server cuts the prompt of a model whose memory can't be
// rolled back, so as to keep a checkpoint there (tools/server/server-context.cpp,
// checkpoint_offsets). Cut alike, batches have the same shapes, and greedy texts
// are the same.
const tail = 4

// Shape implements engine.Backend.
func (b *backend) Shape() engine.Shape { return b.shape }

// Decode implements engine.Backend.
func (b *backend) Decode(rows []engine.Row) error {
	b.batch.Clear()
	for _, r := range rows {
		b.batch.Add(cllama.Token(r.Token), cllama.Pos(r.Pos), b.sequence(r.Seq), r.Output)
	}
	err := b.ctx.Decode(b.batch)
	if rows[len(rows)-1].Seq == engine.PadSeq {
		b.mem.SeqRm(b.spare, -1, -1)
	}
	switch {
	case errors.Is(err, cllama.ErrNoSlot):
		return fmt.Errorf("%w: %w", engine.ErrNoSlot, err)
	case errors.Is(err, cllama.ErrAborted):
		return fmt.Errorf("%w: %w", engine.ErrAborted, err)
	}
	return err
}

// sequence is llama.cpp's number of a sequence.
func (b *backend) sequence(seq engine.SeqID) cllama.SeqID {
	if seq == engine.PadSeq {
		return b.spare
	}
	return cllama.SeqID(seq)
}

// Logits implements engine.Backend.
func (b *backend) Logits(row int) []float32 { return b.ctx.Logits(row) }

// Remove implements engine.Backend.
func (b *backend) Remove(seq engine.SeqID, p0 engine.Pos) bool {
	return b.mem.SeqRm(cllama.SeqID(seq), cllama.Pos(p0), -1)
}

// CanResume implements engine.Backend. The token at n attends to
// [n-window, n) (is_masked_swa in src/llama-hparams.h): that must still be there.
func (b *backend) CanResume(seq engine.SeqID, n engine.Pos) bool {
	first, last := b.mem.SeqPosMin(cllama.SeqID(seq)), b.mem.SeqPosMax(cllama.SeqID(seq))
	switch {
	case n == 0:
		return true
	case b.states:
		return engine.Pos(last)+1 == n
	}
	return engine.Pos(first) <= max(0, n-b.window) && engine.Pos(last)+1 >= n
}

// Abort implements engine.Aborter.
func (b *backend) Abort() { b.ctx.Abort() }

// Close implements engine.Backend.
func (b *backend) Close() {
	b.grammars.Close()
	b.batch.Close()
	b.ctx.Close()
	b.model.Close()
}
