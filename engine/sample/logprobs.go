package sample

import (
	"cmp"
	"math"
	"slices"

	"github.com/moltbot/moltbot/kvcache"
)

// TokenLP is a token with its log-probability, in nats.
type TokenLP struct {
	Token   kvcache.Token
	Logprob float64
}

// Logprobs returns the log-probability of the chosen token and of the likeliest
// ones, best first, under the model's own distribution: without temperature,
// penalties, bias or filters. The row must be one that Sample accepts; by any
// other the log-probability is NaN and there are no likeliest.
func Logprobs(logits []float32, chosen kvcache.Token, top int) (TokenLP, []TokenLP) {
	w := workspaces.Get().(*workspace)
	defer workspaces.Put(w)
	w.row.load(logits, nil, nil)
	defer w.row.release()
	if w.row.measure(log2e) != nil {
		return TokenLP{chosen, math.NaN()}, nil
	}
	return w.logprobs(chosen, top)
}

// logprobs reports on a row that is measured at temperature 1, unadjusted.
func (w *workspace) logprobs(chosen kvcache.Token, top int) (TokenLP, []TokenLP) {
	norm := w.normalise()
	return TokenLP{chosen, norm.logprob(w.row.Logits[chosen])}, w.likeliest(top, norm)
}

func (w *workspace) likeliest(n int, norm norm) []TokenLP {
	if n <= 0 {
		return nil
	}
	w.keepTop(n)
	slices.SortFunc(w.list, likelier)
	best := make([]TokenLP, len(w.list))
	for i, c := range w.list {
		best[i] = TokenLP{c.token, norm.logprob(c.logit)}
	}
	return best
}

func likelier(a, b candidate) int {
	return cmp.Or(cmp.Compare(b.logit, a.logit), cmp.Compare(a.token, b.token))
}

// norm turns logits of a row into log-probabilities.
type norm struct {
	top float64 // subtracted first, so that no exponential overflows
	log float64 // of the sum of exponentials
}

// normalise sums a measured row at temperature 1.
func (w *workspace) normalise() norm {
	w.listed = false
	return norm{w.row.top, math.Log(w.total())}
}

func (n norm) logprob(logit float32) float64 { return float64(logit) - n.top - n.log }
