package kvcache

import "testing"

// RAM has room for four blobs of ten tokens, the disk for two.
func TestTiers(t *testing.T) {
	hold(t, newRadix, Size{Seqs: 4, Cells: 100, CellBytes: 10, RAM: 420, Disk: 220}, tierRules)
}

// ten returns ten tokens that go with no other ten.
func ten(i Token) []Token { return count(100*i, 100*i+10) }

var tierRules = []rule{
	{"RAM is spilled when it is more than 3/4 full", func(r *rig) {
		for i := range Token(3) {
			r.store("a", ten(i)...)
		}
		r.wantInt("begun", len(r.mem.pending), 0)
		r.store("a", ten(3)...)
		r.wantInt("begun", len(r.mem.pending), 1)
		r.write(nil)
		r.wantInt("bytes on disk", int(r.c.Count().Disk/90), 1)
	}},
	{"a blob on disk is read from there and stays", func(r *rig) {
		for i := range Token(4) {
			r.store("a", ten(i)...)
		}
		written := r.mem.blobs[r.mem.pending[0]].path
		r.write(nil)
		o := r.start("a", append(written, 1)...)
		r.wantInt("from disk", o.Disk, 10)
		r.wantInt("blobs", r.c.Count().Blobs, 4)
	}},
	{"the lowest leaf goes when nothing was written yet", func(r *rig) {
		for i := range Token(8) {
			r.store("a", ten(i)...)
		}
		r.wantInt("blobs", r.c.Count().Blobs, 4)
		for _, id := range r.mem.pending {
			r.wantReady("a", 10, append(r.mem.blobs[id].path, 1)...)
		}
	}},
	{"what was used more often stays longer", func(r *rig) {
		r.store("a", ten(0)...)
		for range 5 {
			r.store("a", ten(0)...)
		}
		r.mem.size.Disk, r.c.(*Radix).size.Disk = 0, 0
		for i := range Token(5) {
			r.store("a", ten(i+1)...)
		}
		r.wantReady("a", 10, append(ten(0), 1)...)
		for i := range Token(30) {
			r.store("a", ten(i+10)...)
		}
		r.wantReady("a", 0, append(ten(0), 1)...) // not for ever
	}},
	{"the disk gives up its lowest leaf", func(r *rig) {
		for i := range Token(12) {
			r.store("a", ten(i)...)
			r.write(nil)
		}
		r.wantInt("blobs on disk", int(r.c.Count().Disk/90), 2)
		r.wantReady("a", 0, append(ten(0), 1)...)
	}},
	{"a spill that failed leaves the blob in RAM and isn't tried again", func(r *rig) {
		for i := range Token(4) {
			r.store("a", ten(i)...)
		}
		failed := r.mem.pending[0]
		r.write(errFault)
		r.c.(*Radix).size.Disk = 10000
		r.wantInt("on disk", int(r.c.Count().Disk), 0)
		r.c.Flush()
		for _, id := range r.mem.pending {
			if id == failed {
				r.Fatalf("blob %d is spilled again", id)
			}
		}
	}},
	{"Flush writes the best first, as far as the disk goes", func(r *rig) {
		for i := range Token(3) {
			r.store("a", ten(i)...)
		}
		r.store("a", ten(1)...) // used twice
		r.c.Flush()
		r.wantInt("begun", len(r.mem.pending), 2)
		r.wantInt("first", int(r.mem.pending[0]), 2)
	}},
	{"Flush writes parents before their children", func(r *rig) {
		r.store("a", ten(0)...)
		r.store("a", append(ten(0), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)...)
		r.c.(*Radix).tree.nodes[0].score = 0
		r.c.Flush()
		r.wantInt("first", int(r.mem.pending[0]), 1)
		r.wantInt("begun", len(r.mem.pending), 2)
	}},
	{"a blob is adopted below its parent alone", func(r *rig) {
		child := Entry{"a", count(0, 10), 5}
		if r.c.Adopt(child, Blob{ID: 2, Bytes: 10}) {
			r.Error("without a parent")
		}
		r.mem.blobs[1] = &stored{key: "a", path: count(0, 5), bytes: 10, tier: disk}
		if !r.c.Adopt(Entry{"a", count(0, 5), 0}, Blob{ID: 1, Bytes: 10}) {
			r.Error("the parent was refused")
		}
		for rule, e := range map[string]Entry{
			"another partition's": {"b", count(0, 10), 5}, "overlapping": {"a", count(0, 10), 4}, "behind a gap": {"a", count(0, 10), 6},
			"there already": {"a", count(0, 5), 0}, "empty": {"a", nil, 0}, "from before 0": {"a", count(0, 10), -1},
		} {
			if r.c.Adopt(e, Blob{ID: 3, Bytes: 10}) {
				r.Errorf("%s: adopted", rule)
			}
		}
		for rule, b := range map[string]Blob{"too large": {ID: 3, Bytes: 300}, "known": {ID: 1, Bytes: 1}, "of negative size": {ID: 3, Bytes: -1}} {
			if r.c.Adopt(child, b) {
				r.Errorf("%s: adopted", rule)
			}
		}
		r.mem.blobs[2] = &stored{key: "a", path: count(0, 10), from: 5, bytes: 10, tier: disk}
		if !r.c.Adopt(child, Blob{ID: 2, Bytes: 10}) {
			r.Error("the child was refused")
		}
	}},
	{"news of a spill that nobody waits for changes nothing", func(r *rig) {
		r.store("a", ten(0)...)
		r.c.Spilled(1, nil)
		r.c.Spilled(99, nil)
		r.wantInt("on disk", int(r.c.Count().Disk), 0)
	}},
	{"a large recomputation is worth more", func(r *rig) {
		c := r.c.(*Radix)
		c.size.Disk, c.size.Recompute = 0, func(from, to Pos) float64 { return float64(to*to - from*from) }
		r.store("a", count(0, 20)...)
		for i := range Token(3) {
			r.store("a", ten(i+1)...)
		}
		r.wantReady("a", 20, count(0, 21)...)
		r.wantReady("a", 0, append(ten(1), 1)...)
	}},
}
