package kvcache

import (
	"fmt"
	"slices"
)

// Radix shares prefixes: sequences share cells, and what requests computed is
// stored in a tree of blobs, in RAM and on disk.
type Radix struct {
	live
	tree  tree
	floor float64 // score of what was given up last; what is used gets more
}

// NewRadix returns an empty cache. It panics on a size that no context can have:
// fewer than one sequence, more than 255, no cells, or a negative number.
func NewRadix(size Size, mem Memory) *Radix {
	return &Radix{live: newLive(size, mem), tree: newTree()}
}

// Look implements Cache.
func (c *Radix) Look(w Want) Found {
	most := limit(w)
	src := c.source(w, most)
	stored := c.tree.usable(w.Key, w.Tokens[:most], src.n, Pos(c.size.Window))
	found := Found{Ready: int(max(src.n, stored.n)), Free: c.cells.heldOf(src.seq, src.n)}
	found.Leader, found.Coming = c.leader(w, most, found.Ready)
	return found
}

// Match implements Cache.
func (c *Radix) Match(w Want) *Handle {
	h := newHandle(w)
	p := c.tree.longest(w.Key, w.Tokens[:limit(w)])
	if h.n = int(p.n); h.n > 0 {
		h.node = p.node
		p.node.pins++
	}
	return h
}

// Start implements Cache.
func (c *Radix) Start(h *Handle, keep int) (Opened, error) {
	defer h.Release()
	most := min(limit(h.want), max(keep, 0))
	before := c.cells.held
	id, src, err := c.seat(h.want, most)
	if err != nil {
		return Opened{}, err
	}
	o := c.load(id, h.want, Pos(most))
	o.Seq, o.Shared, o.Cells = id, int(min(src.n, c.seqs[id].done)), c.cells.held-before
	o.Len = int(c.seqs[id].done)
	c.touch(c.tree.longest(h.want.Key, h.want.Tokens[:o.Len]))
	return o, nil
}

// seat makes a sequence the request's, with what another one shares with it.
func (c *Radix) seat(w Want, most int) (SeqID, source, error) {
	src := c.source(w, most)
	id, ok := c.vacant()
	if c.continues(src, w.Key) {
		id, ok = src.seq, true
	}
	if !ok {
		return 0, src, ErrNoSeq
	}
	public := c.seqs[src.seq].publicOf(src.n)
	if id == src.seq && src.n > 0 {
		c.cut(id, src.n)
	} else {
		c.share(src, id)
	}
	c.take(id, w, src.n, public)
	return id, src, nil
}

// continues says that the request goes on where an idle sequence of its own ended,
// so that nothing is lost when it takes the sequence itself.
func (c *Radix) continues(src source, key Key) bool {
	s := &c.seqs[src.seq]
	return src.n > 0 && s.state == idle && s.key == key && s.done == src.n
}

// share empties a sequence and forks the source into it.
func (c *Radix) share(src source, to SeqID) {
	c.forget(to)
	if src.n == 0 {
		return
	}
	c.seqs[src.seq].used = c.tick()
	c.mem.Fork(src.seq, to, src.n)
	c.cells.fork(src.seq, to, src.n)
}

// Keep implements Cache.
func (c *Radix) Keep(id SeqID) (freed int, err error) {
	s, err := c.holder(id)
	if err != nil {
		return 0, err
	}
	c.save(id, s.key, s.tokens[:s.done])
	return c.rest(id), nil
}

// save stores what the tree lacks of a sequence. Where that can't be done the
// sequence still lies in its cells, so nobody needs to hear of it.
func (c *Radix) save(id SeqID, key Key, tokens []Token) {
	p, end := c.tree.longest(key, tokens), Pos(len(tokens))
	if p.n == end {
		c.touch(p)
		return
	}
	from := c.begin(p, end)
	p.node.pins++ // making room must not take the parent away
	defer func() { p.node.pins-- }()
	if !c.makeRoom(int64(end-from) * int64(c.size.CellBytes)) {
		return
	}
	blob, err := c.mem.Save(id, from, end)
	if err != nil {
		return
	}
	n := &node{parent: p.node, key: key, at: p.n, tokens: slices.Clone(tokens[p.n:]), blob: blob, from: from}
	c.tree.add(n)
	c.touch(path{n, end})
	c.makeRoom(0) // the blob may be larger than thought
	c.writeBehind()
}

// begin returns where a blob that ends at end must begin below p: where p ends, or
// earlier where the window before end reaches into what p's blobs lack.
func (c *Radix) begin(p path, end Pos) Pos {
	window := Pos(c.size.Window)
	if window == 0 || needs(p.parts(0), window) <= end {
		return p.n
	}
	return min(p.n, max(end-window, 0))
}

// Adopt implements Cache.
func (c *Radix) Adopt(e Entry, b Blob) bool {
	p, end := c.tree.longest(e.Key, e.Tokens), Pos(len(e.Tokens))
	fits := e.From >= 0 && e.From <= p.n && p.n < end && (e.From == p.n || c.size.Window > 0)
	if !fits || b.Bytes < 0 || c.tree.byID[b.ID] != nil || c.tree.onDisk()+b.Bytes > c.size.Disk {
		return false
	}
	n := &node{parent: p.node, key: e.Key, at: p.n, tokens: slices.Clone(e.Tokens[p.n:]), blob: b, from: e.From, tier: disk}
	c.tree.add(n)
	c.touch(path{n, end})
	return true
}

// Count implements Cache.
func (c *Radix) Count() Count {
	n := c.count()
	n.Blobs, n.RAM, n.Disk = len(c.tree.nodes), c.tree.inRAM(), c.tree.bytes[disk]
	return n
}

// Check implements Cache.
func (c *Radix) Check() error {
	if err := c.check(); err != nil {
		return err
	}
	if err := c.tree.check(); err != nil {
		return fmt.Errorf("kvcache: %w", err)
	}
	if c.tree.inRAM() > c.size.RAM || c.tree.onDisk() > c.size.Disk {
		return fmt.Errorf("kvcache: %d bytes in RAM of %d, %d on disk of %d", c.tree.inRAM(), c.size.RAM, c.tree.onDisk(), c.size.Disk)
	}
	return nil
}
