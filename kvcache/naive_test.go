package kvcache

import "testing"

func newNaive(size Size, mem Memory) Cache { return NewNaive(size, mem) }

func TestNaiveAtRandom(t *testing.T) {
	for name, cutless := range map[string]bool{"memory that can be cut": false, "recurrent memory": true} {
		t.Run(name, func(t *testing.T) { play(t, cutless, newNaive) })
	}
}
