package kvcache

import (
	"math/rand/v2"
	"testing"
)

func newRadix(size Size, mem Memory) Cache { return NewRadix(size, mem) }

func TestRadixAtRandom(t *testing.T) { play(t, false, newRadix) }

func TestHundredThousandOperations(t *testing.T) { playLong(t, 100_000, newRadix) }

func TestRadix(t *testing.T) {
	hold(t, newRadix, Size{Seqs: 4, Cells: 64, CellBytes: 10, RAM: 10000}, sharing)
}

var sharing = []rule{
	{"a running request is forked, and its cells count once", func(r *rig) {
		r.run("a", 1, 2, 3, 4)
		r.wantFound(Found{Ready: 3, Free: 3}, r.c.Look(Want{"a", toks(1, 2, 3, 9)}))
		o := r.run("a", 1, 2, 3, 9)
		r.wantInt("shared", o.Shared, 3)
		r.wantInt("cells", o.Cells, 0)
		r.wantCells(59, 5, 0)
		r.wantInt("freed", r.drop(o), 1)
	}},
	{"forking an idle sequence holds its cells again", func(r *rig) {
		r.leave("a", 1, 2, 3, 4)
		r.wantFound(Found{Ready: 3}, r.c.Look(Want{"a", toks(1, 2, 3, 9)}))
		r.wantInt("cells", r.start("a", 1, 2, 3, 9).Cells, 3)
		r.wantCells(60, 3, 1)
	}},
	{"a conversation goes on in its own sequence", func(r *rig) {
		first := r.run("a", 1, 2, 3)
		r.keep(first)
		r.wantInt("sequence", int(r.start("a", 1, 2, 3, 4).Seq), int(first.Seq))
	}},
	{"a public sequence is not taken over by a partition while others are free", func(r *rig) {
		first := r.run(Public, 1, 2, 3)
		r.keep(first)
		if o := r.start("a", 1, 2, 3, 4); o.Seq == first.Seq {
			r.Fatalf("opened %+v", o)
		}
	}},
	{"the source itself is cut when it is the least recently used and none is free", func(r *rig) {
		first := r.run("a", 1, 2, 3)
		r.keep(first)
		for range 3 {
			r.run("b", 7)
		}
		o := r.start("a", 1, 2, 9)
		r.wantInt("sequence", int(o.Seq), int(first.Seq))
		r.wantInt("shared", o.Shared, 2)
		r.wantCells(59, 5, 0)
	}},
	{"what a running request will compute is coming", func(r *rig) {
		o := r.start("a", 1, 2, 3, 4)
		r.wantFound(Found{Coming: 3, Leader: o.Seq}, r.c.Look(Want{"a", toks(1, 2, 3, 9)}))
		r.wantFound(Found{}, r.c.Look(Want{"b", toks(1, 2, 3, 9)}))
		r.compute(o.Seq, 2)
		r.wantFound(Found{Ready: 2, Free: 2, Coming: 3, Leader: o.Seq}, r.c.Look(Want{"a", toks(1, 2, 3, 9)}))
		r.compute(o.Seq, 4)
		r.wantFound(Found{Ready: 3, Free: 3}, r.c.Look(Want{"a", toks(1, 2, 3, 9)}))
	}},
	{"a request that computes something else promises nothing", func(r *rig) {
		o := r.start("a", 1, 2, 3, 4)
		r.mem.compute(o.Seq, "a", toks(1, 7))
		r.must(r.c.Grow(o.Seq, toks(1, 7)))
		r.wantFound(Found{Ready: 1, Free: 1}, r.c.Look(Want{"a", toks(1, 2, 3, 9)}))
	}},
	{"what is public is shared out of another partition's sequence", func(r *rig) {
		r.store(Public, 1, 2, 3)
		r.run("a", 1, 2, 3, 4)
		r.wantFound(Found{Ready: 3, Free: 3}, r.c.Look(Want{"b", toks(1, 2, 3, 4, 5)}))
	}},
	{"blobs outlive the cells", func(r *rig) {
		r.store("a", 1, 2, 3, 4)
		r.wantCells(64, 0, 0)
		r.wantFound(Found{Ready: 3}, r.c.Look(Want{"a", toks(1, 2, 3, 9)}))
		o := r.start("a", 1, 2, 3, 9)
		r.wantInt("from RAM", o.RAM, 3)
		r.wantInt("cells", o.Cells, 3)
	}},
	{"only what the tree lacks is saved", func(r *rig) {
		r.store("a", 1, 2, 3, 4)
		r.store("a", 1, 2, 8, 9)
		r.store("a", 1, 2, 8)
		r.wantInt("blobs", r.c.Count().Blobs, 2)
		r.wantInt("bytes", int(r.c.Count().RAM), 40+20+1)
		r.wantInt("from RAM", r.start("a", 1, 2, 8, 9, 9).RAM, 4)
	}},
	{"a fork is continued by blobs", func(r *rig) {
		r.store("a", 1, 2, 3, 4, 5)
		r.start("a", 1, 2, 9)
		o := r.start("a", 1, 2, 3, 4, 5, 6)
		r.wantInt("shared", o.Shared, 2)
		r.wantInt("from RAM", o.RAM, 3)
		r.wantInt("cells", o.Cells, 3)
	}},
	{"a partition's own nodes hang below public ones", func(r *rig) {
		r.store(Public, 1, 2, 3)
		r.store("a", 1, 2, 3, 4, 5)
		r.wantInt("blobs", r.c.Count().Blobs, 2)
		r.wantReady("a", 5, 1, 2, 3, 4, 5, 6)
		r.wantReady("b", 3, 1, 2, 3, 4, 5, 6)
	}},
	{"public nodes never hang below a partition's", func(r *rig) {
		r.store("a", 1, 2, 3)
		r.store(Public, 1, 2, 3, 4)
		r.wantInt("blobs", r.c.Count().Blobs, 2)
		r.wantReady("b", 4, 1, 2, 3, 4, 5)
		r.wantReady("a", 4, 1, 2, 3, 4, 5)
	}},
	{"idle sequences make room for what is loaded", func(r *rig) {
		r.store("a", count(0, 40)...)
		r.leave("b", count(100, 150)...)
		r.wantInt("opened", r.start("a", count(0, 41)...).Len, 40)
	}},
	{"less is opened where cells are too few", func(r *rig) {
		r.store("a", count(0, 40)...)
		r.run("b", count(100, 150)...)
		r.wantInt("opened", r.start("a", count(0, 41)...).Len, 14)
	}},
	{"less is opened when the memory has no room", func(r *rig) {
		r.store("a", 1, 2, 3)
		r.failOn("no cells")
		r.wantInt("opened", r.start("a", 1, 2, 3, 4).Len, 0)
		r.wantInt("blobs", r.c.Count().Blobs, 1)
	}},
	{"a lost blob goes with all below it, and less is opened", func(r *rig) {
		r.store("a", 1, 2)
		r.store("a", 1, 2, 3, 4)
		r.store("a", 1, 2, 3, 4, 5, 6)
		r.mem.blobs[2].lost = true
		r.wantInt("opened", r.start("a", 1, 2, 3, 4, 5, 6, 7).Len, 2)
		r.wantInt("blobs", r.c.Count().Blobs, 1)
	}},
	{"a sequence that can't be saved stays idle", func(r *rig) {
		r.failOn("save")
		r.leave("a", 1, 2, 3)
		r.wantInt("blobs", r.c.Count().Blobs, 0)
		r.wantReady("a", 3, 1, 2, 3, 4)
	}},
	{"a pinned blob is not evicted", func(r *rig) {
		r.store("a", count(0, 60)...)
		h := r.c.Match(Want{"a", count(0, 60)})
		for i := range Token(30) {
			r.store("b", count(100*i, 100*i+60)...)
		}
		r.wantReady("a", 59, count(0, 60)...)
		h.Release()
		h.Release()
		for i := range Token(30) {
			r.store("b", count(100*i+1, 100*i+60)...)
		}
		r.wantReady("a", 0, count(0, 60)...)
	}},
}

func TestImpossibleSizes(t *testing.T) {
	for _, size := range []Size{{Seqs: 0, Cells: 1}, {Seqs: 256, Cells: 1}, {Seqs: 1}, {Seqs: 1, Cells: 1, Window: -1}, {Seqs: 1, Cells: 1, RAM: -1}, {Seqs: 1, Cells: 1, Disk: -1}, {Seqs: 1, Cells: 1, CellBytes: -1}} {
		for name, make := range map[string]func(Size, Memory) Cache{"naive": newNaive, "radix": newRadix} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: size %+v was taken", name, size)
					}
				}()
				make(size, newShadow(size))
			}()
		}
	}
}

// filled returns a cache with 1,000 stored prefixes of 2,000 tokens, a hundred
// requests running, and a prompt of 2,000 that goes with one of them for 1,500.
func filled(b *testing.B) (*Radix, Want) {
	size := Size{Seqs: 255, Cells: 3_000_000, CellBytes: 1, RAM: 1 << 40}
	c := NewRadix(size, quiet{})
	r := rand.New(rand.NewPCG(1, 2))
	common := make([]Token, 1000)
	var want Want
	for i := range 1000 {
		tokens := append([]Token{}, common...)
		for len(tokens) < 2000 {
			tokens = append(tokens, Token(r.IntN(32000)))
		}
		o, err := c.Start(c.Match(Want{"a", tokens}), len(tokens))
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Grow(o.Seq, tokens[o.Len:]); err != nil {
			b.Fatal(err)
		}
		want = Want{"a", append(append([]Token{}, tokens[:1500]...), tokens[:500]...)}
		if i < 900 {
			c.Keep(o.Seq)
		}
	}
	return c, want
}

func BenchmarkLook(b *testing.B) {
	c, w := filled(b)
	for b.Loop() {
		c.Look(w)
	}
}

func BenchmarkMatchStartDrop(b *testing.B) {
	c, w := filled(b)
	for b.Loop() {
		o, err := c.Start(c.Match(w), len(w.Tokens))
		if err != nil {
			b.Fatal(err)
		}
		c.Drop(o.Seq)
	}
}

// quiet is a memory that can do everything at once.
type quiet struct{}

var quietBlob BlobID

func (quiet) Fork(SeqID, SeqID, Pos)             {}
func (quiet) Truncate(SeqID, Pos)                {}
func (quiet) Reaches(SeqID, Pos) bool            { return true }
func (quiet) Load(BlobID, SeqID, Pos, Pos) error { return nil }
func (quiet) Spill(BlobID, Entry)                {}
func (quiet) Forget(BlobID)                      {}

func (quiet) Save(_ SeqID, from, to Pos) (Blob, error) {
	quietBlob++
	return Blob{ID: quietBlob, Bytes: int64(to - from)}, nil
}
