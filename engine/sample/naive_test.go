package sample

import (
	"cmp"
	"math"
	"slices"

	"github.com/moltbot/moltbot/kvcache"
)

// naive is the chain by the book: float64, everything sorted, nothing clever.
type naive struct {
	p      Params
	logits []float64 // adjusted
	left   []int     // tokens
	border bool      // a filter's decision was within rounding: either set is right
}

// newNaive adjusts a row as the documents say.
func newNaive(p Params, logits []float32, prompt, output []kvcache.Token) *naive {
	n := &naive{p: p}
	all := append(slices.Clone(prompt), output...)
	if last := cmp.Or(p.RepeatLastN, 64); last > 0 {
		all = all[max(0, len(all)-last):]
	}
	for i, logit := range logits {
		x := float64(logit) + p.LogitBias[int32(i)]
		x = n.penalised(x, times(all, i), times(output, i))
		n.logits = append(n.logits, x)
		n.left = append(n.left, i)
	}
	return n
}

func (n *naive) penalised(x float64, recent, output int) float64 {
	switch r := n.p.RepeatPenalty; {
	case recent == 0 || r == 0:
	case x > 0:
		x /= r
	default:
		x *= r
	}
	if output > 0 {
		x -= n.p.PresencePenalty
	}
	return x - float64(output)*n.p.FrequencyPenalty
}

func times(tokens []kvcache.Token, token int) (n int) {
	for _, t := range tokens {
		if int(t) == token {
			n++
		}
	}
	return n
}

func (n *naive) argmax() (best int) {
	for i, x := range n.logits {
		if x > n.logits[best] {
			best = i
		}
	}
	return best
}

// distribution runs the filters; a token that is dropped has probability 0.
func (n *naive) distribution() []float64 {
	if k := n.p.TopK; k > 0 {
		n.sort(func(i int) float64 { return -n.logits[i] })
		n.left = n.left[:min(k, len(n.left))]
	}
	if p := n.p.TypicalP; p > 0 && p < 1 {
		n.typical(p)
	}
	if p := n.p.TopP; p > 0 && p < 1 {
		n.sort(func(i int) float64 { return -n.logits[i] })
		n.reach(p)
	}
	if n.p.MinP > 0 {
		n.minP(n.p.MinP)
	}
	return n.softmax()
}

func (n *naive) softmax() []float64 {
	probs, top, sum := make([]float64, len(n.logits)), math.Inf(-1), 0.0
	for _, i := range n.left {
		top = max(top, n.logits[i])
	}
	for _, i := range n.left {
		probs[i] = math.Exp((n.logits[i] - top) / n.p.Temperature)
		sum += probs[i]
	}
	for i := range probs {
		probs[i] /= sum
	}
	return probs
}

func (n *naive) sort(key func(int) float64) {
	slices.SortFunc(n.left, func(a, b int) int { return cmp.Or(cmp.Compare(key(a), key(b)), cmp.Compare(a, b)) })
}

// typical is the definition: the smallest set by the distance between surprise and entropy.
func (n *naive) typical(mass float64) {
	probs, entropy := n.softmax(), 0.0
	for _, p := range probs {
		if p > 0 {
			entropy -= p * math.Log(p)
		}
	}
	shift := func(i int) float64 { return math.Abs(-math.Log(probs[i]) - entropy) }
	n.sort(shift)
	order := n.left
	n.reach(mass)
	if len(n.left) == len(order) {
		return
	}
	last := n.left[len(n.left)-1]
	for _, i := range order {
		n.border = n.border || n.logits[i] != n.logits[last] && math.Abs(shift(i)-shift(last)) < 1e-4
	}
}

// reach keeps the first that together have the mass.
func (n *naive) reach(mass float64) {
	probs, sum := n.softmax(), 0.0
	for at, i := range n.left {
		sum += probs[i]
		n.border = n.border || math.Abs(sum-mass) < 1e-6
		if sum >= mass {
			n.left = n.left[:at+1]
			return
		}
	}
}

func (n *naive) minP(share float64) {
	probs := n.softmax()
	best := slices.MaxFunc(n.left, func(a, b int) int { return cmp.Compare(n.logits[a], n.logits[b]) })
	low := share * probs[best]
	n.left = slices.DeleteFunc(n.left, func(i int) bool {
		same := share == 1 && n.logits[i] == n.logits[best]
		n.border = n.border || !same && math.Abs(probs[i]/low-1) < 1e-5
		return probs[i] < low
	})
}
