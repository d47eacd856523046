package kvcache_test

import (
	"fmt"

	"github.com/moltbot/moltbot/kvcache"
)

// memory says what it is asked to do.
type memory struct{}

func (memory) Fork(src, dst kvcache.SeqID, n kvcache.Pos) { fmt.Println("fork", src, dst, n) }
func (memory) Truncate(seq kvcache.SeqID, n kvcache.Pos)  { fmt.Println("truncate", seq, n) }
func (memory) Reaches(kvcache.SeqID, kvcache.Pos) bool    { return true }
func (memory) Spill(id kvcache.BlobID, e kvcache.Entry)   { fmt.Println("spill", id, e) }
func (memory) Forget(id kvcache.BlobID)                   { fmt.Println("forget", id) }

func (memory) Save(seq kvcache.SeqID, from, to kvcache.Pos) (kvcache.Blob, error) {
	fmt.Println("save", seq, from, to)
	return kvcache.Blob{ID: 1, Bytes: int64(to-from) * 1000}, nil
}

func (memory) Load(id kvcache.BlobID, seq kvcache.SeqID, from, to kvcache.Pos) error {
	fmt.Println("load", id, seq, from, to)
	return nil
}

func ExampleRadix() {
	cache := kvcache.NewRadix(kvcache.Size{Seqs: 2, Cells: 64, CellBytes: 1000, RAM: 1 << 20}, memory{})

	// A first request computes four tokens. They are stored, and stay in their cells.
	prompt := []kvcache.Token{1, 2, 3, 4}
	first, _ := cache.Start(cache.Match(kvcache.Want{Key: "acme", Tokens: prompt}), 3)
	cache.Grow(first.Seq, prompt)
	cache.Keep(first.Seq)

	// The next one shares three of these cells, a later one loads what was stored.
	want := kvcache.Want{Key: "acme", Tokens: []kvcache.Token{1, 2, 3, 9}}
	next, _ := cache.Start(cache.Match(want), 3)
	fmt.Println(next.Len, "tokens need no prefill")
	cache.Drop(next.Seq)
	cache.Evict(64)
	next, _ = cache.Start(cache.Match(want), 3)
	fmt.Printf("%+v\n", next)
	// Output:
	// save 0 0 4
	// fork 0 1 3
	// 3 tokens need no prefill
	// truncate 1 0
	// truncate 0 0
	// load 1 0 0 3
	// {Seq:0 Len:3 Cells:3 Shared:0 RAM:3 Disk:0}
}
