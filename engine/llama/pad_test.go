//go:build cgo

package llama

import (
	"testing"

	"github.com/moltbot/moltbot/engine"
)

// TestRowsThatFillUpABatchChangeNothing: five decodes have the same scores with
// three rows more behind them, and these leave no cells.
func TestRowsThatFillUpABatchChangeNothing(t *testing.T) {
	for _, model := range []string{"smollm2", "gemma3"} {
		t.Run(model, func(t *testing.T) {
			b := openBackend(t, model, Options{Cells: 1024, Seqs: 5, Rows: 64, Threads: 1, KVType: "f16"})
			if !b.Shape().Pads {
				t.Fatal("this backend takes no such rows")
			}
			tokens := prompt(t, b, 45)
			var rows []engine.Row
			for seq := range engine.SeqID(5) {
				compute(t, b, seq, 0, tokens[:40+seq])
				rows = append(rows, engine.Row{Token: tokens[40+seq], Pos: engine.Pos(40 + seq), Seq: seq, Output: true})
			}
			want := scored(t, b, rows, 5)
			for _, r := range rows {
				b.Remove(r.Seq, r.Pos)
			}
			padded := rows
			for i := range engine.Pos(3) {
				padded = append(padded, engine.Row{Pos: i, Seq: engine.PadSeq, Output: true})
			}
			for i, got := range scored(t, b, padded, 5) {
				if d := distance(got, want[i]); d > noise {
					t.Errorf("the scores of row %d differ by %v", i, d)
				}
			}
			if at := b.mem.SeqPosMax(b.spare); at >= 0 {
				t.Errorf("the spare sequence reaches to %d", at)
			}
		})
	}
}

// scored computes rows and returns what the first n say.
func scored(t *testing.T, b *backend, rows []engine.Row, n int) (all [][]float32) {
	t.Helper()
	if err := b.Decode(rows); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		all = append(all, append([]float32(nil), b.Logits(i)...))
	}
	return all
}
