package sample

import (
	"math"
	"slices"
	"sync"

	"github.com/moltbot/moltbot/engine/sample/rows"
	"github.com/moltbot/moltbot/kvcache"
)

// workspace is the memory of one choice. As many exist as rows are sampled at
// the same time, not as requests run: a flat distribution over 262,144 tokens
// takes some 8 MiB.
type workspace struct {
	row    row
	listed bool        // the choice is among list; else among the whole row
	list   []candidate // by token
	shell  []candidate // those that cut has to order
	order  []float32   // peaks, while keepTop orders them
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}

// filter runs the filters on a row that is measured.
func (w *workspace) filter(p *Params) {
	w.listed = false
	if p.TopK > 0 && p.TopK < len(w.row.Logits) {
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
	return rows.Exp2((float64(logit) - w.row.top) * w.row.scale)
}

// total returns the weight of all that is left.
func (w *workspace) total() float64 {
	if w.listed {
		return totalOf(w.list)
	}
	return w.sumBlocks()
}

func (w *workspace) sumBlocks() float64 {
	var total float64
	for b := range w.row.sums {
		total += w.row.weight(b)
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
	for b := range w.row.Blocks() {
		if !w.row.faint(b) {
			sum += sumWeighted(w.row.Block(b), w.row.top, w.row.scale)
		}
	}
	return sum
}

// keepTop leaves the k likeliest.
func (w *workspace) keepTop(k int) {
	w.listed, w.list = true, w.list[:0]
	room, floor := max(4*k, 2*blockLen), w.floor(k)
	for b, peak := range w.row.peaks {
		if peak < floor || peak == minusInf {
			continue
		}
		w.gatherFrom(b, floor)
		if len(w.list) >= room {
			floor = max(floor, w.cutTo(k))
		}
	}
	w.cutTo(k)
	for i := range w.list {
		w.list[i].weight = w.weight(w.list[i].logit)
	}
}

// floor returns a logit that at least k tokens reach: the k-th of the blocks' peaks.
func (w *workspace) floor(k int) float32 {
	if k > len(w.row.peaks) {
		return minusInf
	}
	w.order = append(w.order[:0], w.row.peaks...)
	return kth(w.order, k)
}

// gatherFrom lists what a block has from the floor on, each with weight 1 for counting.
func (w *workspace) gatherFrom(b int, floor float32) {
	for i, logit := range w.row.Block(b) {
		if logit >= floor && logit > minusInf {
			w.list = append(w.list, candidate{kvcache.Token(b*blockLen + i), logit, 1})
		}
	}
}

// cutTo keeps the k likeliest of a list of weights 1 and returns the logit that a
// later token must reach: it must be above the least of them.
func (w *workspace) cutTo(k int) (floor float32) {
	if len(w.list) <= k {
		return minusInf
	}
	least := w.cut(w.row.top, float64(k)).logit
	return math.Nextafter32(least, math.MaxFloat32)
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
		reach := nats * log2e / w.row.scale
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
		for i, logit := range w.row.Block(b) {
			if x := float64(logit); low <= x && x <= high {
				w.list = append(w.list, candidate{kvcache.Token(b*blockLen + i), logit, w.weight(logit)})
			}
		}
	}
}

// keepLikely leaves what is at least share times as likely as the likeliest left.
func (w *workspace) keepLikely(share float64) {
	below := math.Log2(share) / w.row.scale
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
