package kvcache

import (
	"flag"
	"os"
	"testing"
)

// TestMain asks for some 120,000 random operations, unless the command line says otherwise.
func TestMain(m *testing.M) {
	flag.Set("rapid.checks", "2000")
	flag.Set("rapid.steps", "60")
	os.Exit(m.Run())
}

func TestNaive(t *testing.T) { suite(t, func(size Size) Cache { return NewNaive(size) }) }

func TestNaiveTakesAMatchedSequenceOver(t *testing.T) {
	c := NewNaive(Size{Seqs: 2, Cells: 8})
	keep(t, c, "a", 1, 2, 3, 4)
	kept, err := c.Start(c.Match("a", toks(1, 2)), 2)
	must(t, err)
	wantCount(t, c, Count{Free: 6, Held: 2, Seqs: 1})
	other, err := c.Start(c.Match("a", toks(1, 2)), 2)
	must(t, err)
	if kept.Seq == other.Seq || other.Len != 0 {
		t.Errorf("opened %+v on %+v: cells have one owner", other, kept)
	}
}

func TestNaiveLeavesAMatchToOtherPins(t *testing.T) {
	c := NewNaive(Size{Seqs: 2, Cells: 8})
	keep(t, c, "a", 1, 2)
	other, mine := c.Match("a", toks(1, 2)), c.Match("a", toks(1, 2))
	defer other.Release()
	o, err := c.Start(mine, 2)
	must(t, err)
	if o.Len != 0 {
		t.Errorf("opened %+v though another handle pins the prefix", o)
	}
}

func TestNewNaiveRefusesImpossibleSizes(t *testing.T) {
	for _, size := range []Size{{0, 1}, {257, 1}, {1, 0}, {-1, -1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("size %+v was taken", size)
				}
			}()
			NewNaive(size)
		}()
	}
}

// A balance that was broken by hand must be seen, else Check proves nothing.
func TestCheckSeesWhatIsBroken(t *testing.T) {
	for name, breakIt := range map[string]func(*Naive){
		"more cells than there are":        func(c *Naive) { c.seqs[0].cells = 99 },
		"fewer cells than none":            func(c *Naive) { c.seqs[0].cells = -1 },
		"a pin too few":                    func(c *Naive) { c.seqs[1].pins = -1 },
		"cells that nobody owns":           func(c *Naive) { c.seqs[2].cells = 1 },
		"tokens without cells":             func(c *Naive) { c.seqs[1].tokens = toks(1) },
		"a pin on a sequence that is held": func(c *Naive) { c.seqs[0].pins = 1 },
		"a use after now":                  func(c *Naive) { c.seqs[1].used = 1 << 40 },
	} {
		c := NewNaive(Size{Seqs: 3, Cells: 8})
		hold(t, c, 2)
		keep(t, c, "a", 1, 2)
		must(t, c.Check())
		if breakIt(c); c.Check() == nil {
			t.Errorf("%s: Check saw nothing", name)
		}
	}
}
