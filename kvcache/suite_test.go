package kvcache

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// suite holds every Cache to the contract, and to nothing more.
func suite(t *testing.T, newCache func(Size) Cache) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			c := newCache(Size{Seqs: 4, Cells: 64})
			r.run(t, c)
			must(t, c.Check())
		})
	}
	t.Run("random use never breaks the balance or mixes prefixes", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			size := Size{Seqs: rapid.IntRange(1, 6).Draw(t, "seqs"), Cells: rapid.IntRange(1, 48).Draw(t, "cells")}
			newMachine(newCache(size), size).play(t)
		})
	})
}

var rules = []struct {
	name string
	run  func(*testing.T, Cache)
}{
	{"an empty cache has everything free", func(t *testing.T, c Cache) {
		wantCount(t, c, Count{Free: 64, Seqs: 4})
	}},
	{"a miss is a handle of length 0", func(t *testing.T, c Cache) {
		wantLen(t, c.Match("a", toks(1, 2)), 0)
	}},
	{"a kept prefix is found up to where the tokens part", func(t *testing.T, c Cache) {
		keep(t, c, "a", 1, 2, 3, 4)
		wantLen(t, c.Match("a", toks(1, 2, 9)), 2)
		wantLen(t, c.Match("a", toks(1, 2, 3, 4, 5)), 4)
		wantLen(t, c.Match("a", toks(2)), 0)
		wantLen(t, c.Match("a", nil), 0)
	}},
	{"the longest of several prefixes is found", func(t *testing.T, c Cache) {
		keep(t, c, "a", 1, 2)
		keepOnNothing(t, c, "a", 1, 2, 3, 4)
		keepOnNothing(t, c, "a", 1, 2, 3)
		wantLen(t, c.Match("a", toks(1, 2, 3, 4)), 4)
	}},
	{"a partition never sees another's prefixes", func(t *testing.T, c Cache) {
		keep(t, c, "a", 1, 2, 3)
		wantLen(t, c.Match("b", toks(1, 2, 3)), 0)
	}},
	{"what a running request computed isn't found before it is kept", func(t *testing.T, c Cache) {
		hold(t, c, 3)
		wantLen(t, c.Match("a", toks(0, 0, 0)), 0)
	}},
	{"a kept prefix outlives the slice that named it", func(t *testing.T, c Cache) {
		own := toks(1, 2, 3)
		must(t, c.Keep("a", own, hold(t, c, 3)))
		own[0] = 9
		wantLen(t, c.Match("a", toks(1, 2, 3)), 3)
	}},
	{"Start uses at most keep of the match", func(t *testing.T, c Cache) {
		keep(t, c, "a", 1, 2, 3, 4)
		wantOpened(t, c, c.Match("a", toks(1, 2, 3, 4)), 3, 3)
	}},
	{"Start uses the whole match when keep allows it", func(t *testing.T, c Cache) {
		keep(t, c, "a", 1, 2, 3, 4)
		wantOpened(t, c, c.Match("a", toks(1, 2, 3, 4, 5)), 99, 4)
	}},
	{"keeping nothing starts at 0", func(t *testing.T, c Cache) {
		keep(t, c, "a", 1, 2, 3, 4)
		wantOpened(t, c, c.Match("a", toks(1, 2)), 0, 0)
	}},
	{"a zero handle starts at 0", func(t *testing.T, c Cache) {
		wantOpened(t, c, &Handle{}, 9, 0)
	}},
	{"a released handle starts at 0", func(t *testing.T, c Cache) {
		keep(t, c, "a", 1, 2)
		h := c.Match("a", toks(1, 2))
		h.Release()
		wantOpened(t, c, h, 9, 0)
	}},
	{"releasing twice unpins once", func(t *testing.T, c Cache) {
		keep(t, c, "a", 1, 2)
		first, second := c.Match("a", toks(1)), c.Match("a", toks(1))
		first.Release()
		first.Release()
		wantEvicted(t, c, 64, 0)
		second.Release()
		wantEvicted(t, c, 64, 1)
	}},
	{"Start fails when every sequence is held", func(t *testing.T, c Cache) {
		for range 4 {
			hold(t, c, 1)
		}
		wantErr(t, second(c.Start(&Handle{}, 0)), ErrNoSeq)
	}},
	{"Start gives up the oldest prefix when no sequence is free", func(t *testing.T, c Cache) {
		keep(t, c, "a", 1)
		keep(t, c, "b", 1)
		hold(t, c, 1)
		hold(t, c, 1)
		hold(t, c, 1)
		wantLen(t, c.Match("a", toks(1)), 0)
		wantLen(t, c.Match("b", toks(1)), 1)
	}},
	{"a pinned prefix is neither evicted nor given up", func(t *testing.T, c Cache) {
		keep(t, c, "a", 1, 2)
		h := c.Match("a", toks(1, 2))
		for range 3 {
			hold(t, c, 1)
		}
		wantErr(t, second(c.Start(&Handle{}, 0)), ErrNoSeq)
		wantEvicted(t, c, 64, 0)
		h.Release()
		hold(t, c, 1)
	}},
	{"Start releases its handle even when it fails", func(t *testing.T, c Cache) {
		for range 3 {
			hold(t, c, 1)
		}
		keep(t, c, "a", 1, 2)
		other, mine := c.Match("a", toks(1)), c.Match("a", toks(1))
		if _, err := c.Start(mine, 0); !errors.Is(err, ErrNoSeq) {
			t.Fatalf("Start on a prefix that another pins: %v", err)
		}
		other.Release()
		wantEvicted(t, c, 64, 1)
	}},
	{"Grow counts cells until none is left", func(t *testing.T, c Cache) {
		s := hold(t, c, 60)
		wantErr(t, c.Grow(s, 5), ErrNoCells)
		must(t, c.Grow(s, 4))
		wantErr(t, c.Grow(s, 1), ErrNoCells)
		wantCount(t, c, Count{Held: 64, Seqs: 3})
	}},
	{"a failed Grow changes nothing", func(t *testing.T, c Cache) {
		s := hold(t, c, 60)
		wantErr(t, c.Grow(s, 5), ErrNoCells)
		wantCount(t, c, Count{Free: 4, Held: 60, Seqs: 3})
	}},
	{"only a held sequence grows, is kept or dropped", func(t *testing.T, c Cache) {
		for _, s := range []SeqID{-1, 0, 4, 300} {
			wantErr(t, c.Grow(s, 1), ErrNotHeld)
			wantErr(t, c.Keep("a", toks(1), s), ErrNotHeld)
			wantErr(t, c.Drop(s), ErrNotHeld)
		}
	}},
	{"Keep wants one token for each cell", func(t *testing.T, c Cache) {
		s := hold(t, c, 2)
		wantErr(t, c.Keep("a", toks(1), s), ErrLength)
		wantErr(t, c.Keep("a", toks(1, 2, 3), s), ErrLength)
		must(t, c.Keep("a", toks(1, 2), s))
	}},
	{"keeping no tokens frees the sequence", func(t *testing.T, c Cache) {
		must(t, c.Keep("a", nil, hold(t, c, 0)))
		wantCount(t, c, Count{Free: 64, Seqs: 4})
	}},
	{"Drop frees the cells", func(t *testing.T, c Cache) {
		must(t, c.Drop(hold(t, c, 9)))
		wantCount(t, c, Count{Free: 64, Seqs: 4})
	}},
	{"Evict stops when enough cells are free", func(t *testing.T, c Cache) {
		keep(t, c, "a", 1, 2)
		keep(t, c, "b", 1, 2)
		wantEvicted(t, c, 62, 1)
		wantCount(t, c, Count{Free: 62, Idle: 2, Seqs: 4})
		wantEvicted(t, c, 62, 0)
	}},
	{"the least recently used prefix goes first", func(t *testing.T, c Cache) {
		keep(t, c, "a", 1, 2)
		keep(t, c, "b", 1, 2)
		c.Match("a", toks(1)).Release()
		wantEvicted(t, c, 62, 1)
		wantLen(t, c.Match("b", toks(1)), 0)
		wantLen(t, c.Match("a", toks(1)), 1)
	}},
}

func toks(t ...Token) []Token { return t }

func second[T any](_ T, err error) error { return err }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("got error %v, want %v", got, want)
	}
}

func wantCount(t *testing.T, c Cache, want Count) {
	t.Helper()
	if got := c.Count(); got != want {
		t.Fatalf("count is %+v, want %+v", got, want)
	}
}

// wantLen checks the length of a match and releases it.
func wantLen(t *testing.T, h *Handle, want int) {
	t.Helper()
	defer h.Release()
	if h.Len() != want {
		t.Fatalf("%d tokens matched, want %d", h.Len(), want)
	}
}

func wantOpened(t *testing.T, c Cache, h *Handle, keep, want int) {
	t.Helper()
	got, err := c.Start(h, keep)
	must(t, err)
	if got.Len != want || c.Count().Held != want {
		t.Fatalf("opened %+v with %+v, want %d tokens", got, c.Count(), want)
	}
}

func wantEvicted(t *testing.T, c Cache, cells, want int) {
	t.Helper()
	if got := c.Evict(cells); len(got) != want {
		t.Fatalf("sequences %v were evicted, want %d of them", got, want)
	}
}

// hold opens an empty sequence and grows it.
func hold(t *testing.T, c Cache, cells int) SeqID {
	t.Helper()
	o, err := c.Start(&Handle{}, 0)
	must(t, err)
	must(t, c.Grow(o.Seq, cells))
	return o.Seq
}

// keep goes a request's whole way: match, start, grow, keep.
func keep(t *testing.T, c Cache, key Key, tokens ...Token) {
	t.Helper()
	o, err := c.Start(c.Match(key, tokens), len(tokens))
	must(t, err)
	must(t, c.Grow(o.Seq, len(tokens)-o.Len))
	must(t, c.Keep(key, tokens, o.Seq))
}

// keepOnNothing computes all of the tokens though a part is cached.
func keepOnNothing(t *testing.T, c Cache, key Key, tokens ...Token) {
	t.Helper()
	must(t, c.Keep(key, slices.Clone(tokens), hold(t, c, len(tokens))))
}
