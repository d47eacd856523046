package sample

import (
	"math"

	"github.com/moltbot/moltbot/engine/sample/rows"
)

const log2e = math.Log2E

// sumWeighted adds x*2^((x-top)*scale) over the logits. What weighs nothing
// adds nothing, so that -Inf may be among them.
func sumWeighted(logits []float32, top, scale float64) float64 {
	var sum float64
	for _, x := range logits {
		if w := rows.Exp2((float64(x) - top) * scale); w > 0 {
			sum += w * float64(x)
		}
	}
	return sum
}
