// Package rows looks at rows of logits, as fast as the processor can.
//
// Owns: the pass over a whole row: maxima and sums of exponentials.
// Must not import: anything but the standard library; it knows nothing of sampling.
// Flow: sample measures a row once, block by block, and works with what that
// found. Where there is cgo the pass is C, compiled for several instruction sets of
// which the loader takes the best; elsewhere it is Go. Both do the same arithmetic
// in the same order, so their results are equal to the last bit.
package rows

import "math"

// Block is how many logits are looked at together.
const Block = 128

// Negligible is a power of 2: what weighs less beside the top can't be drawn.
const Negligible = -60

// Row is a row of logits, shape [n_vocab], some blocks of which are replaced.
type Row struct {
	Logits []float32
	Copies []float32 // the replaced blocks, one behind the other
	CopyAt []int32   // by block: 1 + where its copy begins, 0: it has none; nil: none has
}

// Blocks returns how many blocks there are; the last may be shorter.
func (r *Row) Blocks() int { return (len(r.Logits) + Block - 1) / Block }

// Block returns the logits of a block.
func (r *Row) Block(b int) []float32 {
	from, to := b*Block, min((b+1)*Block, len(r.Logits))
	if r.CopyAt != nil && r.CopyAt[b] > 0 {
		return r.Copies[r.CopyAt[b]-1:][:to-from]
	}
	return r.Logits[from:to]
}

// Measure finds the maximum of each block and the top, that of all; for an empty
// row it is -Inf. Where sums isn't nil it adds 2^((x-peak)*scale) over each block,
// in the same pass; a block that is negligible beside one before it gets 0. The top
// is NaN when there is a NaN or +Inf anywhere; nothing else means anything then.
func Measure(r *Row, scale float64, peaks []float32, sums []float64) (top float32) {
	if len(r.Logits) == 0 {
		return minusInf
	}
	return measure(r, scale, peaks, sums)
}

var minusInf = float32(math.Inf(-1))
