package sample

import (
	"math"

	"github.com/moltbot/moltbot/kvcache"
)

const (
	blockLen   = 128 // logits looked at together
	negligible = -60 // power of 2: a block this far under the top can't be drawn
)

var minusInf = float32(math.Inf(-1))

// row is a row of logits with some of them adjusted. The logits themselves are
// never written or copied as a whole: a block that holds an adjusted one is.
type row struct {
	logits []float32
	copies []float32 // of the adjusted blocks
	copyAt []int     // by block: 1 + where its copy begins; 0: it has none
	peaks  []float32 // by block: its maximum
	top    float64   // maximum of all
}

func (r *row) load(logits []float32, touched []touch, p *Params) {
	r.logits, r.copies = logits, r.copies[:0]
	r.copyAt = resized(r.copyAt, r.blocks())
	clear(r.copyAt)
	for i := range touched {
		if t := touched[i].token; t >= 0 && int(t) < len(logits) {
			r.patch(int(t), touched[i].adjust(logits[t], p))
		}
	}
}

// release lets go of the caller's memory.
func (r *row) release() { r.logits = nil }

func (r *row) patch(token int, logit float32) {
	b := token / blockLen
	if r.copyAt[b] == 0 {
		raw := r.block(b)
		r.copyAt[b] = 1 + len(r.copies)
		r.copies = append(r.copies, raw...)
	}
	r.copies[r.copyAt[b]-1+token%blockLen] = logit
}

func (r *row) blocks() int { return (len(r.logits) + blockLen - 1) / blockLen }

func (r *row) block(b int) []float32 {
	from, to := b*blockLen, min((b+1)*blockLen, len(r.logits))
	if at := r.copyAt[b]; at > 0 {
		return r.copies[at-1:][:to-from]
	}
	return r.logits[from:to]
}

// argmax returns the likeliest token, the lowest of several. Errors: ErrNaN.
func (r *row) argmax() (kvcache.Token, error) {
	best, high := -1, minusInf
	for b := range r.blocks() {
		at, peak := highest(r.block(b), high)
		if broken(peak) {
			return 0, ErrNaN
		}
		if at >= 0 {
			best, high = b*blockLen+at, peak
		}
	}
	if best < 0 {
		return 0, ErrNaN
	}
	return kvcache.Token(best), nil
}

// measure finds the peaks and the top. Errors: ErrNaN.
func (r *row) measure() error {
	r.peaks = resized(r.peaks, r.blocks())
	top := minusInf
	for b := range r.peaks {
		_, peak := highest(r.block(b), minusInf)
		if broken(peak) {
			return ErrNaN
		}
		r.peaks[b], top = peak, max(top, peak)
	}
	if top == minusInf {
		return ErrNaN
	}
	r.top = float64(top)
	return nil
}

// broken tells NaN and +Inf.
func broken(peak float32) bool { return !(peak <= math.MaxFloat32) }

// faint tells whether a block is too far under the top to matter.
func (r *row) faint(b int, scale float64) bool {
	return (float64(r.peaks[b])-r.top)*scale < negligible
}

// highest returns the first place of the highest logit above high, -1 when
// there is none, and that logit (or high). The logit is NaN when there is a NaN:
// it fails the comparison that is made anyway.
func highest(logits []float32, high float32) (at int, peak float32) {
	at, i := -1, 0
	for ; i+4 <= len(logits); i += 4 {
		q := logits[i : i+4 : i+4]
		if q[0] <= high && q[1] <= high && q[2] <= high && q[3] <= high {
			continue // nearly always
		}
		j, peak := higher(q, high)
		if peak != peak {
			return 0, peak
		}
		at, high = i+j, peak
	}
	if j, peak := higher(logits[i:], high); j >= 0 {
		return i + j, peak
	}
	return at, high
}

func higher(logits []float32, high float32) (at int, peak float32) {
	at = -1
	for i, x := range logits {
		if x != x {
			return i, x
		}
		if x > high {
			at, high = i, x
		}
	}
	return at, high
}

// resized returns s with n elements, their values undefined.
func resized[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n)
	}
	return s[:n]
}
