package llama

import (
	"fmt"
	"slices"

	native "github.com/moltbot/moltbot/cgo/llama"
)

// memory is a context with its one sequence and the tokens that it holds.
type memory struct {
	ctx     *native.Context
	batch   *native.Batch
	threads int
	past    []native.Token
	resume  bool // past was put there on purpose: the next prompt may build on it
}

func newMemory(m *native.Model, mo ModelOptions, threads int) (*memory, error) {
	kv := native.KVF32
	if mo.F16Memory {
		kv = native.KVF16
	}
	rows := min(mo.NBatch, mo.ContextSize)
	ctx, err := native.NewContext(m, native.ContextParams{
		Cells: mo.ContextSize, Rows: rows, Seqs: 1, Threads: threads, ThreadsBatch: threads,
		TypeK: kv, TypeV: kv, Unified: true, SWAFull: true,
	})
	if err != nil {
		return nil, err
	}
	return &memory{ctx: ctx, batch: native.NewBatch(rows), threads: threads}, nil
}

// leave closes m and returns what the next prompt may build on.
func (m *memory) leave() (held state, err error) {
	defer m.close()
	if m.resume {
		held, err = m.state()
	}
	return held, err
}

func (m *memory) close() {
	m.batch.Close()
	m.ctx.Close()
}

// prompt makes the sequence exactly these tokens. What is there already stays,
// where resume allows it; at least the last token is computed, for its logits.
func (m *memory) prompt(tokens []native.Token, chunk int) error {
	if len(tokens) == 0 || len(tokens) >= m.ctx.NCtx() {
		return fmt.Errorf("a prompt of %d tokens, %d fit: %w", len(tokens), m.ctx.NCtx()-1, ErrContext)
	}
	kept := 0
	if m.resume {
		kept = min(shared(m.past, tokens), len(tokens)-1)
	}
	m.resume = false
	return m.become(tokens, kept, chunk)
}

// become makes the sequence these tokens, of which it holds the first kept
// already. Where the model can't take back a part it computes them all.
func (m *memory) become(tokens []native.Token, kept, chunk int) error {
	m.truncate(kept)
	return m.feed(tokens[len(m.past):], chunk, false)
}

// rewind leaves the first n tokens.
func (m *memory) rewind(n, chunk int) error { return m.become(slices.Clone(m.past[:n]), n, chunk) }

func shared(a, b []native.Token) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// truncate leaves the first n tokens, or none where the model can't take back a part.
func (m *memory) truncate(n int) {
	if n > 0 && m.ctx.Memory().SeqRm(0, native.Pos(n), -1) {
		m.past = m.past[:n]
		return
	}
	m.ctx.Memory().Clear()
	m.past = m.past[:0]
}

// feed appends tokens, in chunks. Logits are there for the last one, or with
// all for each of the last chunk.
func (m *memory) feed(tokens []native.Token, chunk int, all bool) error {
	for part := range slices.Chunk(tokens, min(max(chunk, 1), m.batch.Cap())) {
		m.batch.Clear()
		for i, t := range part {
			m.batch.Add(t, native.Pos(len(m.past)+i), 0, all || i == len(part)-1)
		}
		if err := m.ctx.Decode(m.batch); err != nil {
			m.truncate(0)
			return err
		}
		m.past = append(m.past, part...)
	}
	return nil
}

// logits returns the scores of a row of the last chunk; negative counts from the end.
func (m *memory) logits(row int) []float32 {
	if row < 0 {
		row += m.batch.Len()
	}
	return m.ctx.Logits(row)
}

// swap makes room in a full context: the first keep tokens stay, with the later
// half of what follows them, which is computed anew in its new place.
func (m *memory) swap(keep, chunk int) error {
	half := (len(m.past) - keep) / 2
	if half < 1 {
		return fmt.Errorf("%d of %d tokens must stay: %w", keep, m.ctx.NCtx(), ErrContext)
	}
	now := slices.Concat(m.past[:keep], m.past[len(m.past)-half:])
	return m.become(now, keep, chunk)
}
