package kvcache

// Handle pins a matched prefix until Release (or Start, which takes it). The
// zero Handle is a miss.
type Handle struct {
	n       int    // tokens matched
	seq     SeqID  // where they are computed; meaningless when n is 0
	release func() // unpins; nil after a miss
}

// Len returns how many tokens matched.
func (h *Handle) Len() int { return h.n }

// Seq returns the sequence that holds the match; meaningless after a miss.
func (h *Handle) Seq() SeqID { return h.seq }

// Release unpins the prefix. A second call does nothing.
func (h *Handle) Release() {
	if h.release != nil {
		h.release()
	}
	h.release = nil
}
