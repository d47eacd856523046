package kvcache

import "testing"

// The shadow's sequences forget all but the last four tokens' windows.
func TestWindows(t *testing.T) {
	hold(t, newRadix, Size{Seqs: 4, Cells: 200, CellBytes: 10, RAM: 10000, Disk: 10000, Window: 4}, windows)
}

var windows = []rule{
	{"a running sequence is forked only where it reaches", func(r *rig) {
		r.run("a", count(0, 20)...)
		r.wantReady("a", 0, append(count(0, 12), 99)...)
		r.wantReady("a", 20, count(0, 21)...)
	}},
	{"a blob is used where its window is whole", func(r *rig) {
		r.store("a", count(0, 20)...)
		r.wantReady("a", 20, count(0, 21)...)
		r.wantReady("a", 0, append(count(0, 19), 99)...)
		r.wantReady("a", 0, append(count(0, 10), 99)...)
	}},
	{"a shorter prefix that is whole is taken", func(r *rig) {
		r.store("a", count(0, 10)...)
		r.store("a", count(0, 30)...)
		r.wantReady("a", 10, append(count(0, 20), 99)...)
		r.wantInt("opened", r.start("a", append(count(0, 20), 99)...).Len, 10)
	}},
	{"a tail shorter than the window is whole with the blob before it", func(r *rig) {
		r.store("a", count(0, 10)...)
		r.store("a", count(0, 12)...)
		r.wantInt("bytes", int(r.c.Count().RAM), 100+20+1)
		r.wantInt("from RAM", r.start("a", count(0, 13)...).RAM, 12)
	}},
	{"where the blob before a short tail lacks the window, it is saved again", func(r *rig) {
		r.store("a", count(0, 20)...)
		branch := append(count(0, 10), 98, 99)
		r.store("a", branch...)
		r.wantInt("bytes", int(r.c.Count().RAM), 200+40+1)
		r.wantReady("a", 0, append(branch[:11:11], 1)...) // position 7 is missing
		r.wantInt("from RAM", r.start("a", append(branch, 1)...).RAM, 12)
	}},
	{"where loading slid the window away, nothing is opened", func(r *rig) {
		r.store("a", count(0, 10)...)
		r.store("a", count(0, 20)...)
		r.store("a", append(count(0, 14), 97, 98, 99)...)
		r.mem.blobs[3].lost = true
		r.failOn("slide")
		r.wantInt("opened", r.start("a", append(count(0, 14), 97, 98, 99, 1)...).Len, 0)
	}},
	{"a fork is continued by a blob that relies on its window", func(r *rig) {
		r.store("a", count(0, 12)...)
		r.c.(*Radix).tree.nodes[0].blob.Whole = 11
		for _, b := range r.mem.blobs {
			b.whole = 11
		}
		r.wantReady("a", 0, count(0, 13)...)
		r.keep(r.run("a", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10))
		r.wantInt("shared", r.start("a", count(0, 13)...).Shared, 11)
	}},
	{"a load that ends early leaves what can be continued", func(r *rig) {
		r.store("a", count(0, 10)...)
		r.store("a", count(0, 20)...)
		r.store("a", append(count(0, 14), 97, 98, 99)...)
		r.mem.blobs[3].lost = true
		o := r.start("a", append(count(0, 14), 97, 98, 99, 1)...)
		r.wantInt("opened", o.Len, 10)
		r.wantInt("from RAM", o.RAM, 10)
	}},
	{"a blob that begins before its branch comes back after a restart", func(r *rig) {
		branch := append(count(0, 10), 98, 99)
		if !r.c.Adopt(Entry{"a", count(0, 20), 0}, Blob{1, 200, 16}) || !r.c.Adopt(Entry{"a", branch, 8}, Blob{2, 40, 8}) {
			r.Fatal("not adopted")
		}
		r.mem.blobs[1] = &stored{key: "a", path: count(0, 20), whole: 16, bytes: 200, tier: disk, cells: make([]cell, 20)}
		r.mem.blobs[2] = &stored{key: "a", path: branch, from: 8, whole: 8, bytes: 40, tier: disk, cells: make([]cell, 4)}
		r.wantReady("a", 12, append(branch, 1)...)
	}},
}
