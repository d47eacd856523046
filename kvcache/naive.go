package kvcache

import (
	"fmt"
	"slices"
)

// maxSeqs is llama.cpp's limit on sequences (LLAMA_MAX_SEQ).
const maxSeqs = 256

type state uint8

const (
	free state = iota // nobody's; no cells
	held              // a running request writes to it
	idle              // a kept prefix; Match finds it
)

// sequence is all that Naive knows of one sequence.
type sequence struct {
	state  state
	cells  int     // counted for it
	key    Key     // while idle
	tokens []Token // while idle; one per cell
	pins   int     // while idle: handles that were not released
	used   uint64  // while idle: when it was last kept or matched
}

// Naive is the plain cache: a list of sequences, searched from end to end.
// Every cell has one owner: Start takes a matched sequence over instead of
// sharing it, so what lay beyond the match is lost. It judges cleverer caches.
type Naive struct {
	size  Size
	seqs  []sequence // by SeqID
	clock uint64     // counts uses, so that the oldest is known without a time
}

// NewNaive returns an empty cache. It panics on a size that no context can
// have: fewer than one sequence, more than 256, or no cells.
func NewNaive(size Size) *Naive {
	if size.Seqs < 1 || size.Seqs > maxSeqs || size.Cells < 1 {
		panic(fmt.Sprintf("kvcache: size %+v is impossible", size))
	}
	return &Naive{size: size, seqs: make([]sequence, size.Seqs)}
}

// Match implements Cache.
func (c *Naive) Match(key Key, tokens []Token) *Handle {
	best, n := SeqID(0), 0
	for i := range c.seqs {
		s := &c.seqs[i]
		if s.state != idle || s.key != key {
			continue
		}
		if m := commonPrefix(s.tokens, tokens); m > n {
			best, n = SeqID(i), m
		}
	}
	if n == 0 {
		return &Handle{}
	}
	return c.pin(best, n)
}

func (c *Naive) pin(id SeqID, n int) *Handle {
	s := &c.seqs[id]
	s.pins++
	s.used = c.tick()
	return &Handle{n: n, seq: id, release: func() { s.pins-- }}
}

// Start implements Cache. A matched sequence that another handle pins as well
// can't be taken over; the request then starts on an empty one.
func (c *Naive) Start(h *Handle, keep int) (Opened, error) {
	hit := h.release != nil
	h.Release()
	if n := min(h.n, keep); hit && n > 0 && c.seqs[h.seq].pins == 0 {
		return c.hold(h.seq, n), nil
	}
	if id := slices.IndexFunc(c.seqs, func(s sequence) bool { return s.state == free }); id >= 0 {
		return c.hold(SeqID(id), 0), nil
	}
	if id, ok := c.oldest(); ok {
		return c.hold(id, 0), nil
	}
	return Opened{}, ErrNoSeq
}

func (c *Naive) hold(id SeqID, n int) Opened {
	c.seqs[id] = sequence{state: held, cells: n}
	return Opened{Seq: id, Len: n}
}

// Grow implements Cache.
func (c *Naive) Grow(id SeqID, n int) error {
	s, err := c.held(id)
	if err != nil {
		return err
	}
	if n < 0 {
		return fmt.Errorf("kvcache: grow sequence %d by %d cells", id, n)
	}
	if left := c.Count().Free; n > left {
		return fmt.Errorf("%w: sequence %d asks for %d of %d", ErrNoCells, id, n, left)
	}
	s.cells += n
	return nil
}

// Keep implements Cache. The tokens are copied. A sequence without cells becomes free.
func (c *Naive) Keep(key Key, tokens []Token, id SeqID) error {
	s, err := c.held(id)
	if err != nil {
		return err
	}
	if len(tokens) != s.cells {
		return fmt.Errorf("%w: sequence %d has %d cells, %d tokens were given", ErrLength, id, s.cells, len(tokens))
	}
	if len(tokens) == 0 {
		*s = sequence{}
		return nil
	}
	*s = sequence{state: idle, cells: s.cells, key: key, tokens: slices.Clone(tokens), used: c.tick()}
	return nil
}

// Drop implements Cache.
func (c *Naive) Drop(id SeqID) error {
	s, err := c.held(id)
	if err != nil {
		return err
	}
	*s = sequence{}
	return nil
}

// Evict implements Cache.
func (c *Naive) Evict(cells int) []SeqID {
	var out []SeqID
	for c.Count().Free < cells {
		id, ok := c.oldest()
		if !ok {
			break
		}
		c.seqs[id] = sequence{}
		out = append(out, id)
	}
	return out
}

// oldest finds the idle, unpinned sequence that was used the longest ago.
func (c *Naive) oldest() (SeqID, bool) {
	best := -1
	for i, s := range c.seqs {
		if s.state == idle && s.pins == 0 && (best < 0 || s.used < c.seqs[best].used) {
			best = i
		}
	}
	return SeqID(best), best >= 0
}

func (c *Naive) held(id SeqID) (*sequence, error) {
	if id < 0 || int(id) >= len(c.seqs) || c.seqs[id].state != held {
		return nil, fmt.Errorf("%w: %d", ErrNotHeld, id)
	}
	return &c.seqs[id], nil
}

func (c *Naive) tick() uint64 {
	c.clock++
	return c.clock
}

// Count implements Cache.
func (c *Naive) Count() Count {
	n := Count{Free: c.size.Cells}
	for _, s := range c.seqs {
		n.Free -= s.cells
		switch s.state {
		case held:
			n.Held += s.cells
		case idle:
			n.Idle += s.cells
		}
		if s.state == free || s.state == idle && s.pins == 0 {
			n.Seqs++
		}
	}
	return n
}

// Check implements Cache.
func (c *Naive) Check() error {
	n := c.Count()
	if n.Free < 0 || n.Free+n.Held+n.Idle != c.size.Cells {
		return fmt.Errorf("kvcache: %+v does not add up to %d cells", n, c.size.Cells)
	}
	for i, s := range c.seqs {
		if err := s.check(); err != nil {
			return fmt.Errorf("kvcache: sequence %d: %w", i, err)
		}
		if s.used > c.clock {
			return fmt.Errorf("kvcache: sequence %d was used at %d, after now (%d)", i, s.used, c.clock)
		}
	}
	return nil
}

// check tells what the state of one sequence forbids.
func (s sequence) check() error {
	switch {
	case s.pins < 0 || s.cells < 0:
		return fmt.Errorf("%d pins and %d cells: a count is negative", s.pins, s.cells)
	case s.state == free && s.cells != 0:
		return fmt.Errorf("free, yet %d cells are counted", s.cells)
	case s.state == idle && (s.cells == 0 || len(s.tokens) != s.cells):
		return fmt.Errorf("idle with %d tokens in %d cells", len(s.tokens), s.cells)
	case s.state != idle && (s.pins != 0 || s.tokens != nil):
		return fmt.Errorf("not idle, yet %d pins and %d tokens", s.pins, len(s.tokens))
	}
	return nil
}

func commonPrefix(a, b []Token) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
