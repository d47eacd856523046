package kvcache_test

import (
	"fmt"

	"github.com/moltbot/moltbot/kvcache"
)

func ExampleNaive() {
	cache := kvcache.NewNaive(kvcache.Size{Seqs: 2, Cells: 64})

	// A first request computes four tokens and leaves them.
	first, _ := cache.Start(cache.Match("acme", []kvcache.Token{1, 2, 3, 4}), 3)
	cache.Grow(first.Seq, 4)
	cache.Keep("acme", []kvcache.Token{1, 2, 3, 4}, first.Seq)

	// The next one shares three of them.
	next, _ := cache.Start(cache.Match("acme", []kvcache.Token{1, 2, 3, 9}), 3)
	fmt.Println(next.Len, "tokens need no prefill")
	fmt.Printf("%+v\n", cache.Count())
	// Output:
	// 3 tokens need no prefill
	// {Free:61 Held:3 Idle:0 Seqs:1}
}
