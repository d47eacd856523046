package kvcache

import (
	"errors"
	"slices"

	"pgregory.net/rapid"
)

// machine uses a cache at random, as an engine would, and keeps a shadow of the
// memory behind it: what each sequence really holds. The shadow knows nothing
// of how the cache finds or shares prefixes.
type machine struct {
	c    Cache
	size Size
	mem  map[SeqID]*cells // absent: empty
	open []pinned
}

// cells is what one sequence holds.
type cells struct {
	key    Key
	tokens []Token
	held   bool
}

// pinned is a handle that wasn't released, with the prefix it promises.
type pinned struct {
	h      *Handle
	key    Key
	tokens []Token
}

func newMachine(c Cache, size Size) *machine {
	return &machine{c: c, size: size, mem: map[SeqID]*cells{}}
}

func (m *machine) play(t *rapid.T) {
	t.Repeat(map[string]func(*rapid.T){
		"match": m.match, "release": m.release, "start": m.start, "start on nothing": m.startOnNothing,
		"grow": m.grow, "keep": m.keep, "drop": m.drop, "evict": m.evict, "": m.check,
	})
}

func (m *machine) match(t *rapid.T) {
	key, tokens := drawKey(t), drawTokens(t)
	h := m.c.Match(key, tokens)
	if want := m.longest(key, tokens); h.Len() != want {
		t.Fatalf("%d of %v matched in %q, %d are kept", h.Len(), tokens, key, want)
	}
	m.open = append(m.open, pinned{h, key, tokens[:h.Len()]})
}

// longest searches the shadow's kept prefixes.
func (m *machine) longest(key Key, tokens []Token) (n int) {
	for _, s := range m.mem {
		if s.held || s.key != key {
			continue
		}
		for i := n; i < min(len(tokens), len(s.tokens)) && slices.Equal(s.tokens[:i+1], tokens[:i+1]); i++ {
			n = i + 1
		}
	}
	return n
}

func (m *machine) release(t *rapid.T) { m.takeHandle(t).h.Release() }

func (m *machine) takeHandle(t *rapid.T) pinned {
	if len(m.open) == 0 {
		return pinned{h: &Handle{}, key: drawKey(t)}
	}
	i := rapid.IntRange(0, len(m.open)-1).Draw(t, "handle")
	p := m.open[i]
	m.open = slices.Delete(m.open, i, i+1)
	return p
}

func (m *machine) start(t *rapid.T) { m.startOn(t, m.takeHandle(t)) }

func (m *machine) startOnNothing(t *rapid.T) { m.startOn(t, pinned{h: &Handle{}, key: drawKey(t)}) }

// startOn checks that what Start calls computed lies in the sequence it names.
func (m *machine) startOn(t *rapid.T, p pinned) {
	keep := rapid.IntRange(0, 12).Draw(t, "keep")
	before := m.c.Count()
	o, err := m.c.Start(p.h, keep)
	if err != nil {
		if !errors.Is(err, ErrNoSeq) || before.Seqs > 0 {
			t.Fatalf("Start with %+v: %v", before, err)
		}
		return
	}
	s := m.mem[o.Seq]
	switch {
	case o.Seq < 0 || int(o.Seq) >= m.size.Seqs:
		t.Fatalf("sequence %d doesn't exist", o.Seq)
	case s != nil && s.held:
		t.Fatalf("sequence %d is held by another request", o.Seq)
	case o.Len > min(keep, len(p.tokens)):
		t.Fatalf("%d tokens opened, %d matched and %d were asked for", o.Len, len(p.tokens), keep)
	case o.Len > 0 && (s == nil || s.key != p.key || len(s.tokens) < o.Len || !slices.Equal(s.tokens[:o.Len], p.tokens[:o.Len])):
		t.Fatalf("sequence %d holds %+v, not %v of %q", o.Seq, s, p.tokens[:o.Len], p.key)
	}
	m.mem[o.Seq] = &cells{key: p.key, tokens: slices.Clone(p.tokens[:o.Len]), held: true}
}

func (m *machine) grow(t *rapid.T) {
	id, s := m.pick(t)
	more := drawTokens(t)
	left := m.c.Count().Free
	err := m.c.Grow(id, len(more))
	switch {
	case s == nil:
		wantNotHeld(t, err)
	case len(more) > left != errors.Is(err, ErrNoCells) || len(more) <= left && err != nil:
		t.Fatalf("grow by %d of %d cells: %v", len(more), left, err)
	case err == nil:
		s.tokens = append(s.tokens, more...)
	}
}

func (m *machine) keep(t *rapid.T) {
	id, s := m.pick(t)
	if s == nil {
		wantNotHeld(t, m.c.Keep("", nil, id))
		return
	}
	if err := m.c.Keep(s.key, append(s.tokens, 0), id); !errors.Is(err, ErrLength) {
		t.Fatalf("keeping one token too many: %v", err)
	}
	if err := m.c.Keep(s.key, s.tokens, id); err != nil {
		t.Fatal(err)
	}
	if s.held = false; len(s.tokens) == 0 {
		delete(m.mem, id)
	}
}

func (m *machine) drop(t *rapid.T) {
	id, s := m.pick(t)
	err := m.c.Drop(id)
	if s == nil {
		wantNotHeld(t, err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	delete(m.mem, id)
}

// evict checks that only kept prefixes are named, and enough of them.
func (m *machine) evict(t *rapid.T) {
	want := rapid.IntRange(0, m.size.Cells+1).Draw(t, "cells")
	before := m.c.Count()
	named := m.c.Evict(want)
	if before.Free >= want && len(named) > 0 {
		t.Fatalf("%v evicted for %d cells with %+v", named, want, before)
	}
	for _, id := range named {
		if s := m.mem[id]; s == nil || s.held {
			t.Fatalf("sequence %d was evicted, it holds %+v", id, s)
		}
		delete(m.mem, id)
	}
	if after := m.c.Count(); after.Free < want && after.Idle > 0 && len(m.open) == 0 {
		t.Fatalf("%+v after asking for %d cells, and nothing is pinned", after, want)
	}
}

// check runs after every action.
func (m *machine) check(t *rapid.T) {
	if err := m.c.Check(); err != nil {
		t.Fatal(err)
	}
	n := m.c.Count()
	held, idle := m.sums()
	// A cache that shares cells counts a shared one once.
	if n.Free+n.Held+n.Idle != m.size.Cells || n.Held > held || n.Held+n.Idle > held+idle {
		t.Fatalf("%+v, the sequences hold %d and keep %d", n, held, idle)
	}
	for _, p := range m.open {
		if m.longest(p.key, p.tokens) < len(p.tokens) {
			t.Fatalf("the pinned prefix %v of %q is gone", p.tokens, p.key)
		}
	}
}

func (m *machine) sums() (held, idle int) {
	for _, s := range m.mem {
		if s.held {
			held += len(s.tokens)
		} else {
			idle += len(s.tokens)
		}
	}
	return held, idle
}

// pick draws any sequence; nil unless a request holds it.
func (m *machine) pick(t *rapid.T) (SeqID, *cells) {
	id := SeqID(rapid.IntRange(0, m.size.Seqs-1).Draw(t, "seq"))
	if s := m.mem[id]; s != nil && s.held {
		return id, s
	}
	return id, nil
}

func wantNotHeld(t *rapid.T, err error) {
	if !errors.Is(err, ErrNotHeld) {
		t.Fatalf("got error %v, want %v", err, ErrNotHeld)
	}
}

func drawKey(t *rapid.T) Key { return rapid.SampledFrom([]Key{"a", "b"}).Draw(t, "key") }

// drawTokens draws from two tokens, so that prefixes meet often.
func drawTokens(t *rapid.T) []Token {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Token { return Token(rapid.IntRange(1, 2).Draw(t, "token")) }), 0, 8).Draw(t, "tokens")
}
