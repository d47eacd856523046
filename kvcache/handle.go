package kvcache

import "slices"

// Handle carries a Want from Match to Start and pins what is stored of it. The
// zero Handle wants nothing.
type Handle struct {
	want Want
	node *node // pinned; nil: nothing is stored, or it was released
	n    int
}

func newHandle(w Want) *Handle {
	return &Handle{want: Want{Key: w.Key, Tokens: slices.Clone(w.Tokens)}}
}

// Len returns how many stored tokens matched.
func (h *Handle) Len() int { return h.n }

// Release unpins the prefix. A second call does nothing.
func (h *Handle) Release() {
	if h.node != nil {
		h.node.pins--
	}
	h.node = nil
}
