package kvcache

// touch counts a use of all nodes on the path and scores them anew. Source:
// Cherkasova, Improving WWW Proxies Performance with Greedy-Dual-Size-Frequency
// Caching Policy, HP Labs 1998.
func (c *Radix) touch(p path) {
	for n := p.node; n.parent != nil; n = n.parent {
		n.hits++
		n.score = c.floor + float64(n.hits)*c.cost(n)/float64(max(n.blob.Bytes, 1))
	}
}

// cost is what computing a node's tokens again takes.
func (c *Radix) cost(n *node) float64 {
	if c.size.Recompute == nil {
		return float64(len(n.tokens))
	}
	return c.size.Recompute(n.at, n.end())
}

// makeRoom gives up blobs until so many bytes more fit into RAM. False: they can't.
func (c *Radix) makeRoom(bytes int64) bool {
	if bytes > c.size.RAM {
		return false
	}
	for c.tree.inRAM()+bytes > c.size.RAM {
		n := c.victim()
		if n == nil {
			return false
		}
		c.evict(n)
	}
	return true
}

// victim returns the leaf that RAM can do without; where all of RAM's nodes have
// children, a leaf on disk below one of them.
func (c *Radix) victim() *node {
	if n := c.tree.lowest(func(n *node) bool { return n.tier == ram && n.leaf() }); n != nil {
		return n
	}
	return c.tree.lowest(func(n *node) bool { return n.tier == disk && n.leaf() && n.under(ram) })
}

// makeRoomOnDisk forgets leaves on disk that are worth less than n until n fits.
// False: it doesn't.
func (c *Radix) makeRoomOnDisk(n *node) bool {
	if c.tree.bytes[spilling]+n.blob.Bytes > c.size.Disk {
		return false
	}
	for c.tree.onDisk()+n.blob.Bytes > c.size.Disk {
		out := c.tree.lowest(func(x *node) bool { return x.tier == disk && x.leaf() })
		if out == nil || byScore(out, n) > 0 {
			return false
		}
		c.evict(out)
	}
	return true
}

// evict drops a leaf that others had to make way for.
func (c *Radix) evict(n *node) {
	c.floor = max(c.floor, n.score)
	c.drop(n)
}

// drop forgets a node and all below it.
func (c *Radix) drop(n *node) {
	for _, x := range n.subtree() {
		c.tree.remove(x)
		c.mem.Forget(x.blob.ID)
	}
}
