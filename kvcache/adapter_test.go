package kvcache

import "testing"

func TestPrefixesOfAnAdapterAreItsOwn(t *testing.T) {
	size := Size{Seqs: 4, Cells: 64, CellBytes: 1, RAM: 1 << 20}
	t.Run("naive", func(t *testing.T) {
		ownPrefixes(t, func() *rig { return newRig(t, func(s Size, m Memory) Cache { return NewNaive(s, m) }, size) })
	})
	t.Run("radix", func(t *testing.T) {
		ownPrefixes(t, func() *rig { return newRig(t, func(s Size, m Memory) Cache { return NewRadix(s, m) }, size) })
	})
}

func ownPrefixes(t *testing.T, open func() *rig) {
	for _, c := range []struct {
		rule          string
		stored, asked Key
		want          int
	}{
		{"without adapters a partition finds its own", "acme", "acme", 3},
		{"with the same adapter too", Key("acme").Under("a"), Key("acme").Under("a"), 3},
		{"with another it finds nothing", Key("acme").Under("a"), Key("acme").Under("b"), 0},
		{"with an adapter it finds nothing of the model alone", "acme", Key("acme").Under("a"), 0},
		{"without one it finds nothing of an adapter", Key("acme").Under("a"), "acme", 0},
		{"what is public of the model isn't of an adapter", Public, Key("acme").Under("a"), 0},
		{"what is public of an adapter isn't of the model", Public.Under("a"), "acme", 0},
		{"what is public of an adapter all see who use it", Public.Under("a"), Key("acme").Under("a"), 3},
		{"another partition finds nothing, whatever the adapter", Key("acme").Under("a"), Key("evil").Under("a"), 0},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r := open()
			r.leave(c.stored, 1, 2, 3, 4)
			r.wantReady(c.asked, c.want, 1, 2, 3, 4)
		})
	}
}
