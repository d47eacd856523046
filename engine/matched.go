package engine

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/moltbot/moltbot/engine/sample"
)

// choice is a token with its log-probability and the likeliest ones, by the
// model's own, unmasked row, as far as the request wants them.
type choice struct {
	sample.TokenLP
	top []sample.TokenLP
}

// choose samples a token among those that the constraint allows.
func (q *sequence) choose(logits []float32) (c choice, err error) {
	own, err := q.constrain(logits)
	if err != nil {
		return c, err
	}
	if r := &q.stream.request; r.Logprobs {
		c.TokenLP, c.top, err = q.sampler.SampleLogprobs(logits, own, r.TopLogprobs)
		return c, err
	}
	c.Token, err = q.sampler.Sample(logits)
	return c, err
}

// constrain forbids in the row what the constraint does not allow.
func (q *sequence) constrain(logits []float32) (own []float32, err error) {
	r := &q.stream.request
	if r.Constraint == nil {
		return logits, nil
	}
	if err := q.begin(len(logits)); err != nil {
		return nil, err
	}
	if err := q.matcher.Mask(q.mask); err != nil {
		return nil, fmt.Errorf("constrain the text: %w", err)
	}
	own = logits
	if r.Logprobs {
		own = slices.Clone(logits)
	}
	forbid(logits, q.mask)
	return own, nil
}

// begin starts the matcher, once.
func (q *sequence) begin(vocab int) (err error) {
	if q.matcher != nil {
		return nil
	}
	if q.matcher, err = q.stream.request.Constraint.Start(); err != nil {
		return fmt.Errorf("constrain the text: %w", err)
	}
	q.mask = make([]uint32, (vocab+31)/32)
	return nil
}

// forbid sets the scores of all tokens whose bit is clear to -Inf.
func forbid(logits []float32, mask []uint32) {
	never := float32(math.Inf(-1))
	for w, word := range mask {
		block := logits[w*32 : min(w*32+32, len(logits))]
		for clear := ^word; clear != 0; clear &= clear - 1 {
			if i := bits.TrailingZeros32(clear); i < len(block) {
				block[i] = never
			}
		}
	}
}

// match tells the matcher which token came.
func (q *sequence) match(token Token) error {
	if q.matcher == nil {
		return nil
	}
	if err := q.matcher.Accept(token); err != nil {
		return fmt.Errorf("constrain the text: %w", err)
	}
	return nil
}

// matched tells whether the constraint wants nothing more.
func (q *sequence) matched() bool { return q.matcher != nil && q.matcher.Ended() }

// takeForced takes the tokens that the constraint leaves no choice for. They are
// computed together, in one step with the token before them. Requests that want
// log-probabilities go without: a forced token has no scores.
func (q *sequence) takeForced(v Vocab, limit int) (ended bool) {
	if q.matcher == nil || q.stream.request.Logprobs {
		return false
	}
	q.forced = q.matcher.Forced(q.forced[:0])
	for _, token := range q.forced {
		if v.IsEOG(token) {
			return false
		}
		if q.take(choice{TokenLP: sample.TokenLP{Token: token}}, v, limit) {
			return true
		}
	}
	return false
}

// unmatch frees the matcher.
func (q *sequence) unmatch() {
	if q.matcher != nil {
		q.matcher.Close()
		q.matcher = nil
	}
}
