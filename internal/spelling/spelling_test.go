package spelling

import (
	"testing"

	"pgregory.net/rapid"
)

func TestNearest(t *testing.T) {
	known := []string{"listen", "model", "log.level", "SmolLM2"}
	for _, c := range []struct {
		rule, name string
		share      float64
		want       string
	}{
		{"a letter is missing", "listn", .34, "listen"},
		{"two letters are swapped, which is one edit", "mdoel", .2, "model"},
		{"capitals don't matter", "smollm2", 0, "SmolLM2"},
		{"one edit is always forgiven", "modul", 0, "model"},
		{"too much differs", "banana", .34, ""},
		{"nothing was typed", "", .34, ""},
	} {
		if got := Nearest(c.name, known, c.share); got != c.want {
			t.Errorf("%s: %q, want %q", c.rule, got, c.want)
		}
	}
}

// TestEdits: as many both ways, none only between equals, and never more than the longer has.
func TestEdits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringOfN(rapid.SampledFrom([]rune("ab")), 0, 6, -1)
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		n := edits(a, b)
		if n != edits(b, a) || (n == 0) != (a == b) || n > max(len(a), len(b)) {
			t.Fatalf("%d edits from %q to %q, %d back", n, a, b, edits(b, a))
		}
	})
}
