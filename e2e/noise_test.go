package e2e

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// noiseFloor is the gap in log-probability within which two tokens may change
// places between two runs. The same maths in another batch shape adds its terms
// in another order, over 4-bit weights and 8-bit activations: it moves the
// logits by a relative L2 of about 0.015. Between the five likeliest tokens of
// SmolLM2 that is 0.16 in the median and 0.5 at the 99th percentile, for
// llama-server alone against llama-server with 32 clients just as for us. What
// comes after such a place is another text.
const noiseFloor = 0.5

// ends are the texts of tokens that end an answer, as log-probabilities name them.
var ends = []string{"", "<|im_end|>", "<|endoftext|>", "<eos>", "<end_of_turn>"}

// parting is the place where an answer leaves a reference.
type parting struct {
	at           int // units before it
	ours, theirs string
	gap          float64 // by which ours is likelier in our own eyes; +Inf when theirs is not among the likeliest
}

func (p parting) String() string {
	return fmt.Sprintf("token %d: %q against %q, gap %.3f", p.at, p.ours, p.theirs, p.gap)
}

// withinNoise tells whether numerics alone explain the difference.
func (p parting) withinNoise() bool { return p.gap <= noiseFloor }

// firstDifference returns the first place where two lists differ, -1 when there is none.
func firstDifference(a, b []string) int {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return -1
}

// gap returns by how much what a unit chose is likelier than the beginning of
// another text, at the step where they part; 0 for an end, which has no step.
func (u unit) gap(other string) float64 {
	for _, s := range u.steps {
		if utf8.ValidString(s.token) || !strings.HasPrefix(other, s.token) {
			return s.top[s.token] - s.likeliest(other)
		}
		other = other[len(s.token):]
	}
	return 0
}

// likeliest returns the log-probability of the likeliest token that begins a
// text: the text itself or, where that takes several tokens, a part of a
// character. "" stands for every token that ends an answer.
func (s step) likeliest(text string) float64 {
	best := math.Inf(-1)
	for token, logprob := range s.top {
		switch {
		case token == text,
			text == "" && slices.Contains(ends, token),
			!utf8.ValidString(token) && strings.HasPrefix(text, token):
			best = max(best, logprob)
		}
	}
	return best
}
