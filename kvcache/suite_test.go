package kvcache

import "testing"

// TestBothCaches holds every Cache to the contract, and to nothing more.
func TestBothCaches(t *testing.T) {
	for name, make := range map[string]func(Size, Memory) Cache{"naive": newNaive, "radix": newRadix} {
		t.Run(name, func(t *testing.T) {
			hold(t, make, Size{Seqs: 4, Cells: 64, CellBytes: 10, RAM: 10000}, contract)
		})
	}
}

var contract = []rule{
	{"an empty cache has everything free", func(r *rig) {
		r.wantCells(64, 0, 0)
		r.wantInt("sequences", r.c.Count().Seqs, 4)
		r.wantFound(Found{}, r.c.Look(Want{"a", toks(1, 2)}))
	}},
	{"nothing is found of no tokens", func(r *rig) {
		r.leave("a", 1, 2)
		r.wantReady("a", 0)
		r.wantInt("pinned", r.c.Match(Want{}).Len(), 0)
	}},
	{"what was kept is found up to where the tokens part", func(r *rig) {
		r.leave("a", 1, 2, 3, 4)
		r.wantReady("a", 2, 1, 2, 9)
		r.wantReady("a", 4, 1, 2, 3, 4, 5)
		r.wantReady("a", 0, 2, 3)
	}},
	{"the last token is always computed", func(r *rig) {
		r.leave("a", 1, 2, 3)
		r.wantReady("a", 2, 1, 2, 3)
		r.wantInt("opened", r.start("a", 1, 2, 3).Len, 2)
	}},
	{"a partition never sees another's prefixes", func(r *rig) {
		r.leave("a", 1, 2, 3)
		r.wantReady("b", 0, 1, 2, 3)
		r.wantReady(Public, 0, 1, 2, 3)
	}},
	{"all partitions see what is public", func(r *rig) {
		r.leave(Public, 1, 2, 3)
		r.wantReady("b", 3, 1, 2, 3, 4)
		r.wantInt("opened", r.start("b", 1, 2, 3, 4).Len, 3)
	}},
	{"the caller may use its slice again", func(r *rig) {
		own := toks(1, 2, 3)
		h := r.c.Match(Want{"a", own})
		own[0] = 9
		o, err := r.c.Start(h, 2)
		r.must(err)
		r.mem.running[o.Seq], r.mem.key[o.Seq] = true, "a"
		r.mem.compute(o.Seq, "a", toks(1, 2, 3))
		more := toks(1, 2, 3)
		r.must(r.c.Grow(o.Seq, more))
		more[1] = 9
		r.keep(o)
		r.wantReady("a", 3, 1, 2, 3, 4)
	}},
	{"Start opens at most keep", func(r *rig) {
		r.leave("a", 1, 2, 3, 4)
		for _, keep := range []int{-1, 0, 2} {
			o, err := r.c.Start(r.c.Match(Want{"a", toks(1, 2, 3, 4)}), keep)
			r.must(err)
			r.wantInt("opened", o.Len, max(keep, 0))
			r.mem.running[o.Seq] = true
			r.drop(o)
			r.leave("a", 1, 2, 3, 4)
		}
	}},
	{"a zero handle starts at 0", func(r *rig) {
		o, err := r.c.Start(&Handle{}, 9)
		r.must(err)
		r.wantInt("opened", o.Len, 0)
		r.mem.running[o.Seq] = true
	}},
	{"Start fails when every sequence is held", func(r *rig) {
		for range 4 {
			r.run("a", 1)
		}
		_, err := r.c.Start(&Handle{}, 0)
		r.wantErr(err, ErrNoSeq)
	}},
	{"Start gives up the least recently used sequence", func(r *rig) {
		for i := range Token(4) {
			r.leave("a", i, i)
		}
		r.start("b", 1, 2)
		r.wantCells(58, 0, 6)
	}},
	{"Grow counts cells until none is left", func(r *rig) {
		o := r.run("a", count(0, 60)...)
		r.wantErr(r.c.Grow(o.Seq, count(0, 5)), ErrNoCells)
		r.wantCells(4, 60, 0)
		r.jobs[o.Seq] = Want{"a", count(0, 64)}
		r.compute(o.Seq, 64)
		r.wantErr(r.c.Grow(o.Seq, toks(1)), ErrNoCells)
	}},
	{"only a held sequence grows, is kept or dropped", func(r *rig) {
		r.leave("a", 1)
		for _, s := range []SeqID{-1, 0, 4, 300} {
			r.wantErr(r.c.Grow(s, toks(1)), ErrNotHeld)
			_, err := r.c.Keep(s)
			r.wantErr(err, ErrNotHeld)
			_, err = r.c.Drop(s)
			r.wantErr(err, ErrNotHeld)
		}
	}},
	{"keeping no tokens frees the sequence", func(r *rig) {
		r.keep(r.start("a", 1, 2))
		r.wantCells(64, 0, 0)
		r.wantInt("evicted", r.c.Evict(64), 0)
	}},
	{"Keep leaves the sequence in its cells", func(r *rig) {
		r.wantInt("freed", r.keep(r.run("a", 1, 2, 3)), 3)
		r.wantCells(61, 0, 3)
	}},
	{"Drop frees the cells", func(r *rig) {
		r.wantInt("freed", r.drop(r.run("a", 1, 2, 3)), 3)
		r.wantCells(64, 0, 0)
	}},
	{"Evict stops when enough cells are free", func(r *rig) {
		r.leave("a", 1, 2)
		r.leave("b", 1, 2)
		r.wantInt("freed", r.c.Evict(61), 2)
		r.wantCells(62, 0, 2)
		r.wantInt("freed", r.c.Evict(62), 0)
		r.wantInt("freed", r.c.Evict(100), 2)
	}},
	{"the least recently used goes first", func(r *rig) {
		r.leave("a", 1, 2)
		r.leave("b", 5, 6)
		r.keep(r.start("a", 1, 2, 3)) // uses it again
		r.c.Evict(61)
		r.wantInt("left of a", r.c.Look(Want{"a", toks(1, 2, 3)}).Ready, 2)
	}},
}
