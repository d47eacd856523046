package sample

import (
	"math"
	"slices"

	"github.com/moltbot/moltbot/engine/sample/rows"
	"github.com/moltbot/moltbot/kvcache"
)

const blockLen = rows.Block

var minusInf = float32(math.Inf(-1))

// row is a row of logits with some of them adjusted. The logits themselves are
// never written or copied as a whole: a block that holds an adjusted one is.
type row struct {
	rows.Row
	copyAt []int32   // memory of CopyAt, for rows that have adjusted logits
	peaks  []float32 // by block: its maximum
	sums   []float64 // by block: the weight of its logits beside its peak
	top    float64   // maximum of all
	scale  float64   // powers of 2 per logit, of sums
}

func (r *row) load(logits []float32, touched []touch, p *Params) {
	r.Logits, r.Copies, r.CopyAt = logits, r.Copies[:0], nil
	if len(touched) == 0 {
		return
	}
	r.copyAt = resized(r.copyAt, r.Blocks())
	clear(r.copyAt)
	r.CopyAt = r.copyAt
	for i := range touched {
		if t := touched[i].token; t >= 0 && int(t) < len(logits) {
			r.patch(int(t), touched[i].adjust(logits[t], p))
		}
	}
}

// release lets go of the caller's memory.
func (r *row) release() { r.Logits = nil }

func (r *row) patch(token int, logit float32) {
	b := token / blockLen
	if r.CopyAt[b] == 0 {
		raw := r.Block(b)
		r.CopyAt[b] = int32(1 + len(r.Copies))
		r.Copies = append(r.Copies, raw...)
	}
	r.Copies[int(r.CopyAt[b])-1+token%blockLen] = logit
}

// measure finds peaks, sums and the top. Errors: ErrNaN.
func (r *row) measure(scale float64) error {
	r.peaks, r.sums, r.scale = resized(r.peaks, r.Blocks()), resized(r.sums, r.Blocks()), scale
	return r.found(rows.Measure(&r.Row, scale, r.peaks, r.sums))
}

// measures tells whether the row is these logits, unadjusted, and summed by the scale.
func (r *row) measures(logits []float32, scale float64) bool {
	return r.scale == scale && r.CopyAt == nil && len(r.Logits) == len(logits) && &r.Logits[0] == &logits[0]
}

// found takes the top. Errors: ErrNaN.
func (r *row) found(top float32) error {
	if !(top > minusInf) {
		return ErrNaN
	}
	r.top = float64(top)
	return nil
}

// argmax returns the likeliest token, the lowest of several. Errors: ErrNaN.
func (r *row) argmax() (kvcache.Token, error) {
	r.peaks, r.scale = resized(r.peaks, r.Blocks()), 0
	top := rows.Measure(&r.Row, 0, r.peaks, nil)
	if err := r.found(top); err != nil {
		return 0, err
	}
	return r.first(top), nil
}

// first returns the lowest token with the top's logit.
func (r *row) first(top float32) kvcache.Token {
	b := slices.Index(r.peaks, top)
	return kvcache.Token(b*blockLen + slices.Index(r.Block(b), top))
}

// faint tells whether a block is too far under the top to matter.
func (r *row) faint(b int) bool { return r.behind(b) < rows.Negligible }

// behind returns how many powers of 2 a block's peak weighs less than the top.
func (r *row) behind(b int) float64 { return (float64(r.peaks[b]) - r.top) * r.scale }

// weight returns what a block weighs: 1 is a token at the top.
func (r *row) weight(b int) float64 {
	if r.faint(b) {
		return 0
	}
	return r.sums[b] * rows.Exp2(r.behind(b))
}

// resized returns s with n elements, their values undefined.
func resized[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n)
	}
	return s[:n]
}
