package sample

import (
	"math"
	"slices"
	"sync"

	"github.com/moltbot/moltbot/kvcache"
)

// workspace is the memory of one choice. As many exist as rows are sampled at
// the same time, not as requests run: a flat distribution over 262,144 tokens
// takes some 8 MiB.
type workspace struct {
	row    row
	scale  float64     // powers of 2 per logit
	sums   []float64   // by block: its weight
	listed bool        // the choice is among list; else among the whole row
	list   []candidate // by token
	shell  []candidate // those that cut has to order
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}

// filter runs the filters on a row that is measured.
func (w *workspace) filter(p *Params) {
	w.scale, w.listed = p.scale(), false
	if p.TopK > 0 && p.TopK < len(w.row.logits) {
		w.keepTop(p.TopK)
	}
	if within(p.TypicalP) {
		total := w.total()
		w.keepNearest(w.logitSum()/total, p.TypicalP*total)
	}
	if within(p.TopP) {
		w.keepNearest(w.row.top, p.TopP*w.total())
	}
	if p.MinP > 0 {
		w.keepLikely(min(p.MinP, 1))
	}
}

// weight is proportional to the probability: 1 at the top.
func (w *workspace) weight(logit float32) float64 {
	return exp2((float64(logit) - w.row.top) * w.scale)
}

// total returns the weight of all that is left.
func (w *workspace) total() float64 {
	if w.listed {
		return totalOf(w.list)
	}
	return w.sumBlocks()
}

func (w *workspace) sumBlocks() float64 {
	w.sums = resized(w.sums, w.row.blocks())
	var total float64
	for b := range w.sums {
		w.sums[b] = 0
		if !w.row.faint(b, w.scale) {
			w.sums[b] = sumExp2(w.row.block(b), w.row.top, w.scale)
		}
		total += w.sums[b]
	}
	return total
}

// logitSum returns the weighted sum of the logits. Over the total that is the
// expected logit, which is as far from the top as the entropy is from the
// surprise of the likeliest token.
func (w *workspace) logitSum() (sum float64) {
	if w.listed {
		for i := range w.list {
			sum += w.list[i].weight * float64(w.list[i].logit)
		}
		return sum
	}
	for b := range w.row.blocks() {
		if !w.row.faint(b, w.scale) {
			sum += sumWeighted(w.row.block(b), w.row.top, w.scale)
		}
	}
	return sum
}

// keepTop leaves the k likeliest.
func (w *workspace) keepTop(k int) {
	w.listed, w.list = true, w.list[:0]
	room, floor := max(4*k, 2*blockLen), minusInf
	for b, peak := range w.row.peaks {
		if peak <= floor {
			continue
		}
		w.gatherAbove(b, floor)
		if len(w.list) >= room {
			floor = w.cutTo(k)
		}
	}
	w.cutTo(k)
	for i := range w.list {
		w.list[i].weight = w.weight(w.list[i].logit)
	}
}

// gatherAbove lists what a block has above the floor, each with weight 1 for counting.
func (w *workspace) gatherAbove(b int, floor float32) {
	for i, logit := range w.row.block(b) {
		if logit > floor {
			w.list = append(w.list, candidate{kvcache.Token(b*blockLen + i), logit, 1})
		}
	}
}

// cutTo keeps the k likeliest of a list of weights 1 and returns the least of
// their logits: a later token must be above it.
func (w *workspace) cutTo(k int) (floor float32) {
	if len(w.list) <= k {
		return minusInf
	}
	return w.cut(w.row.top, float64(k)).logit
}

// keepNearest leaves the smallest set that reaches the weight, those nearest to
// the centre: the nucleus when that is the top, the typical set when it is the
// expected logit.
func (w *workspace) keepNearest(centre, weight float64) {
	if !w.listed {
		w.listed = true
		w.gatherAround(centre, weight)
	}
	w.cut(centre, weight)
}

// gatherAround lists enough around the centre to reach the weight. Beyond 64
// nats there is none.
func (w *workspace) gatherAround(centre, weight float64) {
	for nats := 4.0; nats <= 64; nats *= 2 {
		reach := nats * log2e / w.scale
		w.gather(centre-reach, centre+reach)
		if totalOf(w.list) >= weight {
			return
		}
	}
}

// gather lists the tokens whose logits are between two bounds.
func (w *workspace) gather(low, high float64) {
	w.list = w.list[:0]
	for b, peak := range w.row.peaks {
		if float64(peak) < low {
			continue
		}
		for i, logit := range w.row.block(b) {
			if x := float64(logit); low <= x && x <= high {
				w.list = append(w.list, candidate{kvcache.Token(b*blockLen + i), logit, w.weight(logit)})
			}
		}
	}
}

// keepLikely leaves what is at least share times as likely as the likeliest left.
func (w *workspace) keepLikely(share float64) {
	below := math.Log2(share) / w.scale
	if !w.listed {
		w.listed = true
		w.gather(w.row.top+below, w.row.top)
		return
	}
	best := minusInf
	for i := range w.list {
		best = max(best, w.list[i].logit)
	}
	low := float64(best) + below
	w.list = slices.DeleteFunc(w.list, func(c candidate) bool { return float64(c.logit) < low })
}
