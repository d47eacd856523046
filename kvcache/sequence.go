package kvcache

import (
	"fmt"
	"slices"
)

// maxSeqs is llama.cpp's limit on sequences (LLAMA_MAX_SEQ), less the spare one
// that engine reads and writes parts with.
const maxSeqs = 255

type state uint8

const (
	free state = iota // nobody's; no cells
	held              // a running request writes to it
	idle              // left in its cells by a request; others may start from it
)

// sequence is what is known of one sequence.
type sequence struct {
	state  state
	key    Key
	tokens []Token // computed, and behind them those that its request is about to compute
	done   Pos     // of tokens, the computed ones
	public Pos     // of these, the ones that came from Public: all partitions of the adapter may see them
	used   uint64  // when it was last kept or started from
}

// seen returns the tokens that a partition may know of.
func (s *sequence) seen(by Key) []Token {
	switch {
	case s.state == free:
		return nil
	case s.key == by || s.key == by.public():
		return s.tokens
	case s.key.public() != by.public():
		return nil
	}
	return s.tokens[:s.public]
}

// publicOf returns how many of the first n tokens all partitions may see.
func (s *sequence) publicOf(n Pos) Pos {
	if s.key == s.key.public() {
		return n
	}
	return min(n, s.public)
}

// live is the sequences, their cells and what is done to both. The caches embed it.
type live struct {
	size  Size
	mem   Memory
	seqs  []sequence // by SeqID
	cells ledger
	clock uint64 // counts uses, so that the oldest is known without a time
}

// newLive panics on a size that no context can have.
func newLive(size Size, mem Memory) live {
	bad := size.Seqs < 1 || size.Seqs > maxSeqs || size.Cells < 1
	if bad || size.Window < 0 || size.CellBytes < 0 || size.RAM < 0 || size.Disk < 0 {
		panic(fmt.Sprintf("kvcache: size %+v is impossible", size))
	}
	return live{size: size, mem: mem, seqs: make([]sequence, size.Seqs), cells: newLedger(size.Seqs, size.Cells)}
}

// Grow implements Cache.
func (l *live) Grow(id SeqID, tokens []Token) error {
	s, err := l.holder(id)
	if err != nil {
		return err
	}
	if left := l.cells.free(); len(tokens) > left {
		return fmt.Errorf("%w: sequence %d asks for %d of %d", ErrNoCells, id, len(tokens), left)
	}
	s.grow(tokens)
	l.cells.grow(id, len(tokens))
	return nil
}

// grow appends computed tokens. What its request was about to compute stays known
// for as long as it does so.
func (s *sequence) grow(tokens []Token) {
	ahead := s.tokens[s.done:]
	if n := min(len(tokens), len(ahead)); !slices.Equal(tokens[:n], ahead[:n]) {
		s.tokens, ahead = slices.Clone(s.tokens[:s.done]), nil
	}
	if len(tokens) > len(ahead) {
		s.tokens = append(s.tokens, tokens[len(ahead):]...)
	}
	s.done += Pos(len(tokens))
}

// rest ends the hold of a running request and returns how many cells it held alone.
func (l *live) rest(id SeqID) (freed int) {
	s, before := &l.seqs[id], l.cells.held
	l.cells.hold(id, false)
	s.tokens, s.state, s.used = s.tokens[:s.done], idle, l.tick()
	if s.done == 0 {
		*s = sequence{}
	}
	return before - l.cells.held
}

// Drop implements Cache.
func (l *live) Drop(id SeqID) (freed int, err error) {
	if _, err := l.holder(id); err != nil {
		return 0, err
	}
	freed = l.rest(id)
	l.forget(id)
	return freed, nil
}

// Evict implements Cache.
func (l *live) Evict(cells int) int {
	before := l.cells.free()
	for l.cells.free() < cells {
		id, ok := l.oldest()
		if !ok {
			break
		}
		l.forget(id)
	}
	return l.cells.free() - before
}

// forget empties a sequence that no request holds.
func (l *live) forget(id SeqID) {
	l.cut(id, 0)
	l.seqs[id] = sequence{}
}

// cut forgets what a sequence holds from n on.
func (l *live) cut(id SeqID, n Pos) {
	if l.cells.len(id) > n {
		l.mem.Truncate(id, n)
		l.cells.truncate(id, n)
	}
}

// take makes a sequence the running one of a request that has n tokens of w in it.
func (l *live) take(id SeqID, w Want, n, public Pos) {
	l.cells.hold(id, true)
	tokens := slices.Clip(w.Tokens)
	l.seqs[id] = sequence{state: held, key: w.Key, tokens: tokens, done: n, public: public}
}

// vacant finds a sequence for a request: a free one, else the least recently used idle one.
func (l *live) vacant() (SeqID, bool) {
	if i := slices.IndexFunc(l.seqs, func(s sequence) bool { return s.state == free }); i >= 0 {
		return SeqID(i), true
	}
	return l.oldest()
}

// oldest finds the idle sequence that was used the longest ago.
func (l *live) oldest() (SeqID, bool) {
	best := -1
	for i := range l.seqs {
		if s := &l.seqs[i]; s.state == idle && (best < 0 || s.used < l.seqs[best].used) {
			best = i
		}
	}
	return SeqID(best), best >= 0
}

func (l *live) holder(id SeqID) (*sequence, error) {
	if id < 0 || int(id) >= len(l.seqs) || l.seqs[id].state != held {
		return nil, fmt.Errorf("%w: %d", ErrNotHeld, id)
	}
	return &l.seqs[id], nil
}

func (l *live) tick() uint64 {
	l.clock++
	return l.clock
}

func (l *live) count() Count {
	n := Count{Free: l.cells.free(), Held: l.cells.held, Idle: l.cells.idle}
	for i := range l.seqs {
		if l.seqs[i].state != held {
			n.Seqs++
		}
	}
	return n
}

func (l *live) check() error {
	if err := l.cells.check(); err != nil {
		return fmt.Errorf("kvcache: %w", err)
	}
	for i := range l.seqs {
		if err := l.checkSeq(SeqID(i)); err != nil {
			return fmt.Errorf("kvcache: sequence %d: %w", i, err)
		}
	}
	return nil
}

// checkSeq tells what the state of one sequence forbids.
func (l *live) checkSeq(id SeqID) error {
	s, cells := &l.seqs[id], l.cells.len(id)
	switch {
	case cells != s.done:
		return fmt.Errorf("%d tokens in %d cells", s.done, cells)
	case l.cells.running[id] != (s.state == held):
		return fmt.Errorf("state %d, the cells say otherwise", s.state)
	case s.public > s.done || int(s.done) > len(s.tokens):
		return fmt.Errorf("%d public of %d computed of %d tokens", s.public, s.done, len(s.tokens))
	case s.state == free && len(s.tokens) > 0 || s.state == idle && (s.done == 0 || int(s.done) != len(s.tokens)):
		return fmt.Errorf("state %d with %d of %d tokens computed", s.state, s.done, len(s.tokens))
	case s.used > l.clock:
		return fmt.Errorf("used at %d, after now (%d)", s.used, l.clock)
	}
	return nil
}

func commonPrefix(a, b []Token) int {
	n := min(len(a), len(b))
	a, b = a[:n], b[:n]
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
