package sample

import (
	"math"

	"github.com/moltbot/moltbot/kvcache"
)

// candidate is a token that may be drawn.
type candidate struct {
	token  kvcache.Token
	logit  float32
	weight float64
}

func (c *candidate) distance(centre float64) float64 { return math.Abs(float64(c.logit) - centre) }

// before orders by distance to the centre, then by token.
func (c *candidate) before(other *candidate, centre float64) bool {
	if mine, others := c.distance(centre), other.distance(centre); mine != others {
		return mine < others
	}
	return c.token < other.token
}

func totalOf(list []candidate) float64 {
	var sum float64
	for i := range list {
		sum += list[i].weight
	}
	return sum
}

// cut keeps, in the order they have, the candidates nearest to the centre that
// together reach the weight, and returns the farthest of them. It weighs the
// candidates by shells around the centre first, so that it has to order only
// those of the shell where the weight is reached.
func (w *workspace) cut(centre, weight float64) candidate {
	far := 0.0
	for i := range w.list {
		far = max(far, w.list[i].distance(centre))
	}
	s := shells{centre: centre, perLogit: (shellCount - 1) / max(far, math.SmallestNonzeroFloat32)}
	s.fill(w.list)
	at, inner := s.reach(weight)
	w.shell = s.appendShell(w.shell[:0], w.list, at)
	last := farthest(w.shell, centre, weight-inner)
	w.list = keepTo(w.list, last, centre)
	return last
}

// keepTo drops what lies behind last. It stores first and asks later, for
// nobody can foretell the answers.
func keepTo(list []candidate, last candidate, centre float64) []candidate {
	n, limit := 0, last.distance(centre)
	for i := range list {
		c := list[i]
		list[n] = c
		if d := c.distance(centre); d < limit || d == limit && c.token <= last.token {
			n++
		}
	}
	return list[:n]
}

// farthest returns the candidate at which the weights, added from the nearest
// on, reach a sum; the very farthest when they don't. A quickselect with weights
// (Hoare's Find, 1961): linear in the mean, and no part is sorted that needn't be.
func farthest(list []candidate, centre, weight float64) candidate {
	for len(list) > 1 {
		at := partition(list, centre)
		near := totalOf(list[:at])
		switch {
		case at > 0 && near >= weight:
			list = list[:at]
		case near+list[at].weight >= weight || at == len(list)-1:
			return list[at]
		default:
			weight -= near + list[at].weight
			list = list[at+1:]
		}
	}
	return list[0]
}

// partition puts the median of three in its place and returns that place: nearer
// ones lie before it, farther ones behind.
func partition(list []candidate, centre float64) int {
	last := len(list) - 1
	medianLast(list, centre)
	pivot, at := list[last], 0
	for i := range last {
		if list[i].before(&pivot, centre) {
			list[i], list[at] = list[at], list[i]
			at++
		}
	}
	list[at], list[last] = list[last], list[at]
	return at
}

// medianLast swaps the median of the first, middle and last candidate to the end.
func medianLast(list []candidate, centre float64) {
	first, middle, last := &list[0], &list[len(list)/2], &list[len(list)-1]
	if middle.before(first, centre) {
		*middle, *first = *first, *middle
	}
	if middle.before(last, centre) {
		*middle, *last = *last, *middle
	}
	if last.before(first, centre) {
		*last, *first = *first, *last
	}
}
