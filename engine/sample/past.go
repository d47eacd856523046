package sample

import (
	"cmp"
	"slices"

	"github.com/moltbot/moltbot/kvcache"
)

// touch is what changes the logit of one token.
type touch struct {
	token  kvcache.Token
	biased bool
	bias   float32
	recent int // times in the repeat window
	output int // times in the generated text
}

func (t *touch) idle() bool { return !t.biased && t.recent == 0 && t.output == 0 }

// adjust returns the logit after bias and penalties. It computes in float32 and
// in llama.cpp's order, so that greedy text is the same.
func (t *touch) adjust(logit float32, p *Params) float32 {
	logit += t.bias
	if t.recent > 0 {
		logit = repelled(logit, float32(p.RepeatPenalty))
	}
	if t.output > 0 {
		logit -= float32(t.output)*float32(p.FrequencyPenalty) + float32(p.PresencePenalty)
	}
	return logit
}

// repelled multiplies where the logit is negative: dividing would make the
// token likelier.
func repelled(logit, penalty float32) float32 {
	if logit <= 0 {
		return logit * penalty
	}
	return logit / penalty
}

// past is what earlier tokens and the bias do to the next row.
type past struct {
	touched []touch         // by token
	window  []kvcache.Token // a ring once it is full
	oldest  int             // in window
	limit   int             // of window; negative: none
}

func newPast(p *Params, prompt []kvcache.Token) past {
	h := past{limit: p.window()}
	for token, bias := range p.LogitBias {
		h.touched = append(h.touched, touch{token: kvcache.Token(token), biased: true, bias: float32(bias)})
	}
	slices.SortFunc(h.touched, func(a, b touch) int { return cmp.Compare(a.token, b.token) })
	if p.repeats() {
		h.fill(prompt)
	}
	return h
}

func (h *past) fill(prompt []kvcache.Token) {
	if h.limit >= 0 {
		prompt = prompt[max(0, len(prompt)-h.limit):]
	}
	for _, t := range prompt {
		h.see(t)
	}
}

func (h *past) accept(p *Params, t kvcache.Token) {
	if p.counts() {
		h.entry(t).output++
	}
	if p.repeats() {
		h.see(t)
	}
}

// see moves the repeat window on by one token.
func (h *past) see(t kvcache.Token) {
	h.entry(t).recent++
	if h.limit < 0 {
		return // nothing ever leaves
	}
	if len(h.window) < h.limit {
		h.window = append(h.window, t)
		return
	}
	gone := h.window[h.oldest]
	h.window[h.oldest] = t
	h.oldest = (h.oldest + 1) % h.limit
	h.forget(gone)
}

func (h *past) forget(t kvcache.Token) {
	at, _ := h.find(t)
	h.touched[at].recent--
	if h.touched[at].idle() {
		h.touched = slices.Delete(h.touched, at, at+1)
	}
}

// entry returns the touch of a token, a fresh one if need be.
func (h *past) entry(t kvcache.Token) *touch {
	at, found := h.find(t)
	if !found {
		h.touched = slices.Insert(h.touched, at, touch{token: t})
	}
	return &h.touched[at]
}

func (h *past) find(t kvcache.Token) (at int, found bool) {
	return slices.BinarySearchFunc(h.touched, t, func(e touch, t kvcache.Token) int { return cmp.Compare(e.token, t) })
}
