package kvcache

import (
	"flag"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestMain asks for some 60,000 random operations of rapid's, unless the command line says otherwise.
func TestMain(m *testing.M) {
	flag.Set("rapid.checks", "1000")
	flag.Set("rapid.steps", "60")
	os.Exit(m.Run())
}

// play lets rapid choose, which finds a short way to what it breaks.
func play(t *testing.T, cutless bool, make func(Size, Memory) Cache) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(what string, n int) int { return rapid.IntRange(0, n-1).Draw(t, what) }
		m := newMachine(make, drawSize(draw))
		m.mem.cutless, m.draw, m.fatalf = cutless, draw, t.Fatalf
		actions := map[string]func(*rapid.T){"": func(*rapid.T) { m.check() }}
		for name, act := range m.actions() {
			actions[name] = func(*rapid.T) { act() }
		}
		t.Repeat(actions)
	})
}

// playLong makes operations by chance, a thousand on each of many caches.
func playLong(t *testing.T, operations int, make func(Size, Memory) Cache) {
	for seed := range operations / 1000 {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		draw := func(_ string, n int) int { return r.IntN(n) }
		m := newMachine(make, drawSize(draw))
		m.draw = draw
		step := 0
		m.fatalf = func(format string, args ...any) {
			t.Helper()
			t.Fatalf("seed %d, step %d: "+format, append([]any{seed, step}, args...)...)
		}
		actions := m.actions()
		names := slices.Sorted(maps.Keys(actions))
		for ; step < 1000; step++ {
			actions[names[r.IntN(len(names))]]()
			m.check()
		}
	}
}

func drawSize(draw func(string, int) int) Size {
	size := Size{Seqs: 1 + draw("seqs", 6), Cells: 1 + draw("cells", 64), CellBytes: 10}
	size.RAM, size.Disk = int64(draw("RAM", 600)), int64(draw("disk", 600))
	if draw("windowed", 2) == 0 {
		size.Window = 1 + draw("window", 6)
	}
	return size
}
