package openai

import (
	"cmp"
	"math"
	"slices"

	"github.com/moltbot/moltbot/engine"
)

// decodeBestOf reads how many completions of each prompt are made, of which n are
// told.
func decodeBestOf(v value, p params) int {
	best := int(v.integer(1, maxChoices, int64(p.n)))
	switch {
	case best < p.n:
		v.fail("invalid_value", "Invalid 'best_of': %d completions can't be chosen of %d. Expected a value >= 'n'.", p.n, best)
	case best > p.n && p.stream:
		v.fail("invalid_value", "Invalid 'best_of': what is best is known at the end, so it can't be combined with 'stream' unless it equals 'n'.")
	}
	return best
}

// chooses tells whether some of what is made is left out.
func (r completionRequest) chooses() bool { return r.best > r.n }

// best returns which choices of a prompt are told, the likeliest first where it
// chooses.
func (a *completionAnswer) best(prompt int) []int {
	made := make([]int, a.req.best)
	for k := range made {
		made[k] = prompt*a.req.best + k
	}
	if a.req.chooses() {
		slices.SortStableFunc(made, func(x, y int) int {
			return cmp.Compare(meanLogprob(a.choices[y].logprobs), meanLogprob(a.choices[x].logprobs))
		})
	}
	return made[:a.req.n]
}

// meanLogprob is the log-probability per token; of no tokens it is the lowest.
func meanLogprob(ts []engine.TokenLogprob) float64 {
	if len(ts) == 0 {
		return math.Inf(-1)
	}
	sum := 0.0
	for _, t := range ts {
		sum += finite(t.Logprob)
	}
	return sum / float64(len(ts))
}
