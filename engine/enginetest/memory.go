package enginetest

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/kvcache"
)

// held is what the toy remembers of a sequence.
type held struct {
	tokens []engine.Token
	cells  []*int // how many sequences share the cell of each token
	near   int    // from here on the window is there; 0 without one
}

// held returns a sequence; one that isn't there is reported and left out of the memory.
func (b *Toy) held(seq engine.SeqID) *held {
	if h := b.memory[seq]; h != nil {
		return h
	}
	b.t.Errorf("toy: sequence %d of %d", seq, b.shape.Seqs)
	return &held{}
}

// append adds a token in a cell of its own.
func (b *Toy) append(h *held, t engine.Token) {
	refs := 1
	h.tokens, h.cells = append(h.tokens, t), append(h.cells, &refs)
	b.used++
}

// slide moves the window on to where the sequence ends.
func (b *Toy) slide(h *held) {
	if b.shape.Window > 0 {
		h.near = max(h.near, len(h.tokens)-b.shape.Window)
	}
}

// cut forgets [n, inf).
func (b *Toy) cut(h *held, n int) {
	for _, refs := range h.cells[n:] {
		if *refs--; *refs == 0 {
			b.used--
		}
	}
	h.tokens, h.cells, h.near = h.tokens[:n], h.cells[:n], min(h.near, n)
}

func (b *Toy) reaches(h *held, n int) bool {
	return b.shape.Window == 0 || min(h.near, n) <= max(0, n-b.shape.Window)
}

// Remove implements engine.Backend.
func (b *Toy) Remove(seq engine.SeqID, p0 engine.Pos) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.held(seq)
	have := len(h.tokens)
	if p0 < 0 || int(p0) > have {
		b.t.Errorf("toy: remove from %d of sequence %d, which holds %d tokens", p0, seq, have)
		return true
	}
	if b.shape.States && p0 > 0 && int(p0) < have {
		return false
	}
	b.cut(h, int(p0))
	return true
}

// CanResume implements engine.Backend.
func (b *Toy) CanResume(seq engine.SeqID, n engine.Pos) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.held(seq)
	if b.shape.States {
		return int(n) == len(h.tokens)
	}
	return int(n) <= len(h.tokens) && b.reaches(h, int(n))
}

// Identity implements engine.Backend.
func (b *Toy) Identity() []byte { return []byte("toy") }

// Fork implements engine.Backend.
func (b *Toy) Fork(src, dst engine.SeqID, n engine.Pos) {
	b.mu.Lock()
	defer b.mu.Unlock()
	from, to := b.held(src), b.held(dst)
	if src == dst || len(to.tokens) > 0 || n < 0 || int(n) > len(from.tokens) || b.shape.States {
		b.t.Errorf("toy: fork %d tokens of sequence %d, which holds %d, to %d, which holds %d", n, src, len(from.tokens), dst, len(to.tokens))
		return
	}
	for i, refs := range from.cells[:n] {
		*refs++
		to.tokens, to.cells = append(to.tokens, from.tokens[i]), append(to.cells, refs)
	}
	to.near = min(from.near, int(n))
}

// A blob is from, whole, tokens, and the sum of all these, four bytes each.
const (
	tokenBytes = 4
	blobFixed  = 12
)

// SaveSize implements engine.Backend.
func (b *Toy) SaveSize(_ engine.SeqID, from, to engine.Pos) int {
	return blobFixed + tokenBytes*int(to-from)
}

// Save implements engine.Backend.
func (b *Toy) Save(buf []byte, seq engine.SeqID, from, to engine.Pos) (n int, whole engine.Pos, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.held(seq)
	if from < 0 || from >= to || int(to) > len(h.tokens) || b.shape.States {
		b.t.Errorf("toy: save %d to %d of sequence %d, which holds %d tokens", from, to, seq, len(h.tokens))
		return 0, 0, fmt.Errorf("toy: nothing to save")
	}
	n = b.SaveSize(seq, from, to)
	if len(buf) < n {
		b.t.Errorf("toy: save %d bytes into %d", n, len(buf))
		return 0, 0, fmt.Errorf("toy: no room")
	}
	if b.shape.Window > 0 {
		whole = min(to, max(from, engine.Pos(h.near)))
	}
	out := binary.LittleEndian.AppendUint32(buf[:0], uint32(from))
	out = binary.LittleEndian.AppendUint32(out, uint32(whole))
	for _, t := range h.tokens[from:to] {
		out = binary.LittleEndian.AppendUint32(out, uint32(t))
	}
	binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(out))
	return n, whole, nil
}

// Load implements engine.Backend. For a moment it needs cells for all of the blob.
func (b *Toy) Load(buf []byte, seq engine.SeqID, from, to engine.Pos) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.held(seq)
	if int(from) != len(h.tokens) || b.shape.States {
		b.t.Errorf("toy: load %d to %d into sequence %d, which holds %d tokens", from, to, seq, len(h.tokens))
	}
	start, whole, tokens, err := parseBlob(buf)
	end := start + engine.Pos(len(tokens))
	if err != nil || from < start || from >= to || to > end {
		return fmt.Errorf("toy: load %d to %d of a blob from %d to %d: %w", from, to, start, end, kvcache.ErrLost)
	}
	if b.used+len(tokens) > b.shape.Cells {
		return fmt.Errorf("toy: load %d tokens, %d of %d cells are used: %w", len(tokens), b.used, b.shape.Cells, kvcache.ErrNoCells)
	}
	if whole > from {
		h.near = int(min(whole, to))
	}
	for _, t := range tokens[from-start : to-start] {
		b.append(h, t)
	}
	return nil
}

func parseBlob(buf []byte) (from, whole engine.Pos, tokens []engine.Token, err error) {
	le := binary.LittleEndian
	n := len(buf) - tokenBytes
	if n < blobFixed || n%tokenBytes != 0 || crc32.ChecksumIEEE(buf[:n]) != le.Uint32(buf[n:]) {
		return 0, 0, nil, fmt.Errorf("toy: a broken blob of %d bytes", len(buf))
	}
	for at := 8; at < n; at += tokenBytes {
		tokens = append(tokens, engine.Token(le.Uint32(buf[at:])))
	}
	return engine.Pos(le.Uint32(buf)), engine.Pos(le.Uint32(buf[4:])), tokens, nil
}
