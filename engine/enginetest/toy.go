// Package enginetest offers a toy model for tests: a deterministic Backend that
// checks every move of the KV cache, with a Vocab and a Template to match.
//
// What the toy says next depends on each token of the sequence and its place,
// so a wrong move shows in the text; a move that can't be right fails the test
// at once.
package enginetest

import (
	"fmt"
	"hash/fnv"
	"sync"

	"github.com/moltbot/moltbot/engine"
)

// Toy is a Backend. A Shape.Window makes it forget, at the beginning of a step, all
// that the step's first row does not look back to, as sliding-window layers may.
type Toy struct {
	shape engine.Shape
	t     Reporter

	// Before, when set, is called before each step with its number (from 1) and
	// rows; an error is what Decode answers. Set it before the engine starts.
	Before func(step int, rows []engine.Row) error

	// Scores, when set, fills the row that follows a history, shape [n_vocab], and
	// replaces what Next says. Set it before the engine starts.
	Scores func(row []float32, history []engine.Token)

	mu      sync.Mutex
	memory  map[engine.SeqID]*held
	used    int // cells
	logits  map[int][]float32
	free    [][]float32
	steps   int
	maxRows int
}

// Reporter is what the toy needs of a testing.TB.
type Reporter interface {
	Errorf(format string, args ...any)
}

// NewToy returns a toy of that shape. Moves that can't be right are reported to t.
func NewToy(t Reporter, shape engine.Shape) *Toy {
	shape.Vocab, shape.CellBytes = vocabSize, tokenBytes
	b := &Toy{shape: shape, t: t, memory: map[engine.SeqID]*held{}, logits: map[int][]float32{}}
	for seq := range shape.Seqs {
		b.memory[engine.SeqID(seq)] = &held{}
	}
	if shape.Pads {
		b.memory[engine.PadSeq] = &held{}
	}
	return b
}

// Shape implements engine.Backend.
func (b *Toy) Shape() engine.Shape { return b.shape }

// Decode implements engine.Backend.
func (b *Toy) Decode(rows []engine.Row) error {
	b.mu.Lock()
	b.steps++
	step := b.steps
	b.maxRows = max(b.maxRows, len(rows))
	b.mu.Unlock()
	if b.Before != nil {
		if err := b.Before(step, rows); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.compute(rows)
}

func (b *Toy) compute(rows []engine.Row) error {
	if b.used+len(rows) > b.shape.Cells {
		return engine.ErrNoSlot
	}
	if len(rows) == 0 || len(rows) > b.shape.Rows {
		b.t.Errorf("toy: a batch of %d rows, at most %d fit", len(rows), b.shape.Rows)
	}
	b.recycle()
	for _, r := range rows {
		b.slide(b.held(r.Seq))
	}
	for i, r := range rows {
		h := b.held(r.Seq)
		b.check(r, h)
		b.append(h, r.Token)
		if r.Output {
			b.logits[i] = b.scores(h.tokens)
		}
	}
	if b.shape.Pads {
		b.cut(b.memory[engine.PadSeq], 0)
	}
	return nil
}

// check reports a row that doesn't continue its sequence.
func (b *Toy) check(r engine.Row, h *held) {
	if have := len(h.tokens); int(r.Pos) != have {
		b.t.Errorf("toy: sequence %d holds %d tokens, a row writes at %d", r.Seq, have, r.Pos)
	}
	if !b.reaches(h, len(h.tokens)) {
		b.t.Errorf("toy: sequence %d remembers from %d on, a row at %d looks %d back", r.Seq, h.near, r.Pos, b.shape.Window)
	}
	if r.Token < 0 || int(r.Token) >= vocabSize {
		b.t.Errorf("toy: token %d is not in the vocabulary", r.Token)
	}
}

// scores fills a row: all low but for the token that follows.
func (b *Toy) scores(history []engine.Token) []float32 {
	var row []float32
	if n := len(b.free); n > 0 {
		row, b.free = b.free[n-1], b.free[:n-1]
	} else {
		row = make([]float32, vocabSize)
	}
	if b.Scores != nil {
		b.Scores(row, history)
		return row
	}
	h := fnv.New32a()
	for i := range row {
		row[i] = float32((i*7919)%97) / 97
	}
	fmt.Fprint(h, len(history))
	row[Next(history)] = 8
	row[firstLetter+int(h.Sum32()%letters)] += 5
	return row
}

func (b *Toy) recycle() {
	for i, row := range b.logits {
		b.free = append(b.free, row)
		delete(b.logits, i)
	}
}

// Logits implements engine.Backend.
func (b *Toy) Logits(row int) []float32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, ok := b.logits[row]
	if !ok {
		b.t.Errorf("toy: row %d has no logits", row)
	}
	return l
}

// Close implements engine.Backend.
func (b *Toy) Close() {}

// Cells returns how many cells are in use.
func (b *Toy) Cells() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// Steps returns how many steps were asked for, and the most rows of one.
func (b *Toy) Steps() (steps, maxRows int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.steps, b.maxRows
}
