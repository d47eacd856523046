package batching

import (
	"testing"

	"pgregory.net/rapid"
)

// uneven are the prices of scores on a CPU whose kernels compute four rows at once.
var uneven = Costs{
	Points: []Point{{1, 10 * ms}, {16, 25 * ms}, {64, 73 * ms}},
	Scores: []float64{0, 12e6, 18e6, 18e6, 30e6, 34e6, 43e6, 22e6, 34e6, 39e6, 42e6, 25e6, 40e6, 44e6, 46e6, 26e6},
}

func TestPad(t *testing.T) {
	for _, c := range []struct {
		rule          string
		rows, outputs int
		want          int
	}{
		{"one row is never padded", 1, 1, 0},
		{"a prompt neither", 64, 1, 0},
		{"two rows are cheaper as they are", 2, 2, 0},
		{"a whole pass needs nothing", 4, 4, 0},
		{"five rows take longer than eight", 5, 5, 3},
		{"seven too", 7, 7, 1},
		{"nine take longer than twelve", 9, 9, 3},
		{"beyond the table it goes on alike", 17, 17, 3},
		{"and whole passes stay as they are", 32, 32, 0},
		{"rows of a prompt beside them change nothing", 40, 6, 2},
	} {
		if got := uneven.Pad(Step{Rows: c.rows, Outputs: c.outputs}); got != c.want {
			t.Errorf("%s: %d rows more, want %d", c.rule, got, c.want)
		}
	}
}

// TestPaddingNeverPredictsMore: a step takes at most what it takes as it is, and
// none that needs no padding is padded.
func TestPaddingNeverPredictsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Costs{Points: []Point{{1, 10 * ms}, {64, 73 * ms}}, Scores: rapid.SliceOfN(rapid.Float64Range(0, 1e8), 0, 20).Draw(t, "scores")}
		rows := rapid.IntRange(1, 80).Draw(t, "rows")
		s := Step{Rows: rows, Outputs: rapid.IntRange(0, rows).Draw(t, "outputs")}
		if took, as := float64(c.Predict(s)), c.exact(s); took > as {
			t.Fatalf("%+v: %v ns padded, %v as it is", s, took, as)
		}
		c.Scores = linear(rapid.Float64Range(0, 1e7).Draw(t, "row"))
		if n := c.Pad(s); n != 0 {
			t.Fatalf("%+v is padded by %d where each row costs the same", s, n)
		}
	})
}
