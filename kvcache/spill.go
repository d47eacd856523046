package kvcache

import "slices"

// writeBehind spills the nodes with the lowest scores while RAM is more than 3/4
// full, so that room can later be made without losing them.
func (c *Radix) writeBehind() {
	for _, n := range c.unspilled() {
		if c.tree.bytes[ram] <= c.size.RAM/4*3 {
			return
		}
		c.spill(n)
	}
}

// Flush implements Cache.
func (c *Radix) Flush() {
	nodes := c.unspilled()
	slices.Reverse(nodes)
	for _, n := range nodes {
		c.spillDown(n)
	}
}

// spillDown spills a node after those above it: without them it is of no use on disk.
func (c *Radix) spillDown(n *node) bool {
	switch {
	case n.parent == nil || n.tier == disk || n.tier == spilling:
		return true
	case !c.spillDown(n.parent):
		return false
	}
	return c.spill(n)
}

// spill begins to write a node's blob to disk, if there is room.
func (c *Radix) spill(n *node) bool {
	if n.dull || !c.makeRoomOnDisk(n) {
		return false
	}
	c.tree.move(n, spilling)
	c.mem.Spill(n.blob.ID, n.entry())
	return true
}

// Spilled implements Cache.
func (c *Radix) Spilled(id BlobID, err error) {
	n := c.tree.byID[id]
	switch {
	case n == nil || n.tier != spilling:
	case err != nil:
		n.dull = true
		c.tree.move(n, ram)
	default:
		c.floor = max(c.floor, n.score)
		c.tree.move(n, disk)
	}
}

// unspilled returns the nodes that lie in RAM alone, the worst first.
func (c *Radix) unspilled() (nodes []*node) {
	if c.size.Disk == 0 {
		return nil
	}
	for _, n := range c.tree.nodes {
		if n.tier == ram && !n.dull {
			nodes = append(nodes, n)
		}
	}
	slices.SortFunc(nodes, byScore)
	return nodes
}
