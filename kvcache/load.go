package kvcache

import "errors"

// load appends to a request's sequence what the tree has beyond its first tokens,
// which another sequence gave. Idle sequences make room for it. It tells what came
// from RAM and what from disk.
func (c *Radix) load(id SeqID, w Want, most Pos) (o Opened) {
	base := c.seqs[id].done
	parts := c.fitting(w, base, most)
	for i, part := range parts {
		if err := c.mem.Load(part.node.blob.ID, id, part.from, part.to); err != nil {
			if errors.Is(err, ErrLost) {
				c.drop(part.node)
			}
			parts = c.settle(id, parts[:i], base)
			break
		}
		c.loaded(id, part)
	}
	for _, part := range parts {
		o.count(part)
	}
	return o
}

// fitting returns what to load, as much as there can be cells for.
func (c *Radix) fitting(w Want, base, most Pos) []part {
	window := Pos(c.size.Window)
	p := c.tree.usable(w.Key, w.Tokens[:most], base, window)
	if p.n <= base {
		return nil
	}
	c.Evict(int(p.n - base))
	if room := base + Pos(c.cells.free()); room < p.n {
		p = c.tree.usable(w.Key, w.Tokens[:room], base, window)
	}
	return p.parts(base)
}

// loaded counts the cells of a part.
func (c *Radix) loaded(id SeqID, part part) {
	s := &c.seqs[id]
	c.cells.grow(id, int(part.to-part.from))
	if part.node.key == part.node.key.public() && s.public == s.done {
		s.public = part.to
	}
	s.done = part.to
}

// settle cuts a sequence whose loading ended early to where it can be continued,
// which with a window isn't everywhere. It returns the parts that are left.
func (c *Radix) settle(id SeqID, parts []part, base Pos) []part {
	for len(parts) > 0 {
		end := parts[len(parts)-1].to
		if end >= needs(parts, Pos(c.size.Window)) && c.mem.Reaches(id, end) {
			break
		}
		parts = parts[:len(parts)-1]
	}
	n := base
	if len(parts) > 0 {
		n = parts[len(parts)-1].to
	} else if !c.mem.Reaches(id, base) {
		n = 0
	}
	c.shorten(id, n)
	return parts
}

// shorten cuts a running sequence.
func (c *Radix) shorten(id SeqID, n Pos) {
	s := &c.seqs[id]
	c.cut(id, n)
	s.done, s.public = n, min(s.public, n)
}

// count adds a part to what came from its tier.
func (o *Opened) count(p part) {
	if p.node.tier == disk {
		o.Disk += int(p.to - p.from)
	} else {
		o.RAM += int(p.to - p.from)
	}
}
