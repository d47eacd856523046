package kvcache

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

var errFault = errors.New("a fault of the test")

// cell is one KV cell. Sequences share it by its address.
type cell struct {
	token Token
	owner Key // who computed it, wherever it was copied since
}

// kv is what one sequence holds.
type kv struct {
	cells  []*cell
	window []bool // whether the layers of a sliding window are there as well
}

// stored is what one blob holds: the cells of [from, len(path)).
type stored struct {
	key   Key // of the request that it was saved from
	path  []Token
	from  Pos
	cells []cell
	whole Pos
	bytes int64
	tier  tier
	lost  bool
}

// shadow is a Memory that knows what every sequence and blob really holds, and
// notes the first move that a real one could not do.
type shadow struct {
	size    Size
	cutless bool // recurrent: only the end of a sequence can be continued
	seqs    map[SeqID]*kv
	running map[SeqID]bool
	key     map[SeqID]Key // of the request that runs or ran last
	blobs   map[BlobID]*stored
	next    BlobID
	pending []BlobID // being spilled
	fault   func(what string) bool
	wrong   error // the first wrong move
}

func newShadow(size Size) *shadow {
	return &shadow{
		size: size, seqs: map[SeqID]*kv{}, running: map[SeqID]bool{}, key: map[SeqID]Key{}, blobs: map[BlobID]*stored{},
		fault: func(string) bool { return false },
	}
}

func (m *shadow) must(ok bool, format string, args ...any) bool {
	if !ok && m.wrong == nil {
		m.wrong = fmt.Errorf(format, args...)
	}
	return ok
}

func (m *shadow) at(id SeqID) *kv {
	if m.seqs[id] == nil {
		m.seqs[id] = &kv{}
	}
	return m.seqs[id]
}

func (m *shadow) tokens(id SeqID) (tokens []Token) {
	for _, c := range m.at(id).cells {
		tokens = append(tokens, c.token)
	}
	return tokens
}

// slide forgets what lies behind the window.
func (s *kv) slide(window int) {
	if window == 0 {
		return
	}
	for i := range max(len(s.window)-window, 0) {
		s.window[i] = false
	}
}

// compute is what the engine does before Grow.
func (m *shadow) compute(id SeqID, key Key, tokens []Token) {
	s := m.at(id)
	for _, t := range tokens {
		s.cells = append(s.cells, &cell{t, key})
		s.window = append(s.window, true)
	}
	s.slide(m.size.Window)
}

func (m *shadow) Fork(src, dst SeqID, n Pos) {
	from, to := m.at(src), m.at(dst)
	if !m.must(len(to.cells) == 0 && !m.running[dst] && src != dst, "fork into %d, which is in use", dst) ||
		!m.must(n > 0 && int(n) <= len(from.cells), "fork of %d cells of %d, which has %d", n, src, len(from.cells)) {
		return
	}
	to.cells, to.window = slices.Clone(from.cells[:n]), slices.Clone(from.window[:n])
}

func (m *shadow) Truncate(seq SeqID, n Pos) {
	s := m.at(seq)
	m.must(!m.running[seq], "running sequence %d was truncated", seq)
	if m.must(n >= 0 && int(n) < len(s.cells), "sequence %d of %d truncated to %d", seq, len(s.cells), n) {
		s.cells, s.window = s.cells[:n:n], s.window[:n:n]
	}
}

func (m *shadow) Reaches(seq SeqID, n Pos) bool {
	s := m.at(seq)
	if !m.must(n >= 0 && int(n) <= len(s.cells), "asked whether %d of %d reaches %d", seq, len(s.cells), n) {
		return false
	}
	if m.cutless {
		return int(n) == len(s.cells)
	}
	return m.size.Window == 0 || !slices.Contains(s.window[max(int(n)-m.size.Window, 0):n], false)
}

func (m *shadow) Save(seq SeqID, from, to Pos) (Blob, error) {
	s := m.at(seq)
	m.must(m.running[seq], "saved %d, which doesn't run", seq)
	if !m.must(0 <= from && from < to && int(to) <= len(s.cells), "saved [%d, %d) of %d cells", from, to, len(s.cells)) || m.fault("save") {
		return Blob{}, errFault
	}
	b := &stored{key: m.key[seq], path: m.tokens(seq)[:to], from: from, whole: to}
	for b.whole > from && s.window[b.whole-1] {
		b.whole--
	}
	for _, c := range s.cells[from:to] {
		b.cells = append(b.cells, *c)
	}
	m.next++
	b.bytes = int64(to-from)*int64(m.size.CellBytes) + int64(m.next%3) - 1
	m.blobs[m.next] = b
	return Blob{m.next, b.bytes, b.whole}, nil
}

func (m *shadow) Load(id BlobID, seq SeqID, from, to Pos) error {
	b, s := m.blobs[id], m.at(seq)
	if !m.must(b != nil, "load of blob %d, which doesn't exist", id) || b.lost {
		return ErrLost
	}
	m.must(!m.running[seq] && int(from) == len(s.cells), "load at %d of %d, which has %d cells", from, seq, len(s.cells))
	if !m.must(b.from <= from && from < to && int(to) <= len(b.path), "load of [%d, %d) from [%d, %d)", from, to, b.from, len(b.path)) ||
		!m.must(slices.Equal(b.path[:from], m.tokens(seq)), "blob of %v does not continue %v", b.path, m.tokens(seq)) {
		return ErrLost
	}
	if held, idle := m.counts(); !m.must(held+idle+int(to-from) <= m.size.Cells, "load of %d into %d cells, %d are used", to-from, m.size.Cells, held+idle) {
		return ErrNoCells
	}
	return m.append(b, s, from, to)
}

func (m *shadow) append(b *stored, s *kv, from, to Pos) error {
	switch {
	case m.fault("no cells"):
		return fmt.Errorf("load: %w", ErrNoCells)
	case m.fault("lost"):
		b.lost = true
		return fmt.Errorf("load: %w", ErrLost)
	case m.fault("odd"):
		return errFault
	}
	for p := from; p < to; p++ {
		c := b.cells[p-b.from]
		s.cells, s.window = append(s.cells, &c), append(s.window, p >= b.whole)
	}
	if m.fault("slide") {
		s.slide(m.size.Window)
	}
	return nil
}

func (m *shadow) Spill(id BlobID, e Entry) {
	b := m.blobs[id]
	if !m.must(b != nil && b.tier == ram, "spill of blob %d: %+v", id, b) {
		return
	}
	m.must(slices.Equal(e.Tokens, b.path) && e.From == b.from && e.Key == b.key, "spilled %+v as %+v", b, e)
	for _, c := range b.cells {
		m.must(c.owner == e.Key || c.owner == Public, "cells of %q spilled for %q", c.owner, e.Key)
	}
	b.tier = spilling
	m.pending = append(m.pending, id)
}

func (m *shadow) Forget(id BlobID) {
	m.must(m.blobs[id] != nil, "blob %d was forgotten, it doesn't exist", id)
	delete(m.blobs, id)
}

// ended is what the engine does before Spilled.
func (m *shadow) ended(id BlobID, err error) {
	if b := m.blobs[id]; b != nil && err == nil {
		b.tier = disk
	} else if b != nil {
		b.tier = ram
	}
}

// counts counts cells by their address.
func (m *shadow) counts() (held, idle int) {
	heldBy, all := map[*cell]bool{}, map[*cell]bool{}
	for id, s := range m.seqs {
		for _, c := range s.cells {
			all[c] = true
			if m.running[id] {
				heldBy[c] = true
			}
		}
	}
	return len(heldBy), len(all) - len(heldBy)
}

func (m *shadow) count() Count {
	n := Count{Blobs: len(m.blobs), Seqs: m.size.Seqs}
	n.Held, n.Idle = m.counts()
	n.Free = m.size.Cells - n.Held - n.Idle
	for _, runs := range m.running {
		if runs {
			n.Seqs--
		}
	}
	for _, b := range m.blobs {
		if b.tier == disk {
			n.Disk += b.bytes
		} else {
			n.RAM += b.bytes
		}
	}
	return n
}

// onDisk returns the blobs that outlive a restart, parents first.
func (m *shadow) onDisk() []BlobID {
	ids := slices.DeleteFunc(slices.Sorted(maps.Keys(m.blobs)), func(id BlobID) bool { return m.blobs[id].tier != disk })
	slices.SortStableFunc(ids, func(a, b BlobID) int { return len(m.blobs[a].path) - len(m.blobs[b].path) })
	return ids
}
