package kvcache

// Naive is the plain cache: idle sequences, searched from end to end, and nothing
// else. Start takes a found sequence over, so what lay beyond is lost and no cell
// is shared. Recurrent models need it, whose memory can't be cut; it also judges
// cleverer caches.
type Naive struct{ live }

// NewNaive returns an empty cache. It panics on a size that no context can have:
// fewer than one sequence, more than 255, no cells, or a negative number.
func NewNaive(size Size, mem Memory) *Naive { return &Naive{newLive(size, mem)} }

// Look implements Cache.
func (c *Naive) Look(w Want) Found { return Found{Ready: int(c.find(w, limit(w)).n)} }

// find returns the idle sequence that can be continued for the longest.
func (c *Naive) find(w Want, limit int) (best source) {
	for i := range c.seqs {
		s, id := &c.seqs[i], SeqID(i)
		if s.state != idle {
			continue
		}
		n := Pos(longer(s.seen(w.Key), w.Tokens[:limit], int(best.n)))
		if n > best.n && c.mem.Reaches(id, n) {
			best = source{id, n}
		}
	}
	return best
}

// Match implements Cache.
func (c *Naive) Match(w Want) *Handle { return newHandle(w) }

// Start implements Cache.
func (c *Naive) Start(h *Handle, keep int) (Opened, error) {
	from := c.find(h.want, min(limit(h.want), max(keep, 0)))
	id := from.seq
	if from.n == 0 {
		var ok bool
		if id, ok = c.vacant(); !ok {
			return Opened{}, ErrNoSeq
		}
	}
	public := c.seqs[id].publicOf(from.n)
	c.cut(id, from.n)
	c.take(id, h.want, from.n, public)
	return Opened{Seq: id, Len: int(from.n), Cells: int(from.n), Shared: int(from.n)}, nil
}

// Keep implements Cache.
func (c *Naive) Keep(id SeqID) (freed int, err error) {
	if _, err := c.holder(id); err != nil {
		return 0, err
	}
	return c.rest(id), nil
}

// Adopt implements Cache: nothing is stored.
func (c *Naive) Adopt(Entry, Blob) bool { return false }

// Spilled implements Cache.
func (c *Naive) Spilled(BlobID, error) {}

// Flush implements Cache.
func (c *Naive) Flush() {}

// Count implements Cache.
func (c *Naive) Count() Count { return c.count() }

// Check implements Cache.
func (c *Naive) Check() error { return c.check() }
