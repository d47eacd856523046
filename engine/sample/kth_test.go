package sample

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestKthIsThatOfASortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		logit := rapid.Map(rapid.IntRange(-9, 9), func(n int) float32 { return float32(n) })
		xs := rapid.SliceOfN(rapid.OneOf(logit, rapid.Just(minusInf)), 1, 60).Draw(t, "xs")
		k := rapid.IntRange(1, len(xs)).Draw(t, "k")
		sorted := slices.Sorted(slices.Values(xs))
		if got, want := kth(xs, k), sorted[len(xs)-k]; got != want {
			t.Fatalf("got %g, want %g", got, want)
		}
		if slices.Sort(xs); !slices.Equal(xs, sorted) {
			t.Fatal("the list holds other values than before")
		}
	})
}
