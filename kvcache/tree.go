package kvcache

import (
	"cmp"
	"fmt"
)

// tree is what is stored, for all partitions. A node is there only with its parent.
type tree struct {
	root  *node
	nodes []*node          // all but the root, in no order
	byID  map[BlobID]*node // the same
	bytes [tiers]int64
}

func newTree() tree {
	return tree{root: &node{key: Public, kids: map[branch]*node{}}, byID: map[BlobID]*node{}}
}

// ends follows tokens as far as a partition may see: one path, and one more for each
// place where its own nodes leave the public ones.
func (t *tree) ends(key Key, tokens []Token) []path { return ends(nil, t.root, key, tokens) }

func ends(found []path, n *node, key Key, tokens []Token) []path {
	at := n.at + Pos(commonPrefix(n.tokens, tokens[n.at:]))
	leaf := true
	if int(at) < len(tokens) {
		for _, kid := range n.below(at, key, tokens[at]) {
			found, leaf = ends(found, kid, key, tokens), false
		}
	}
	if leaf {
		found = append(found, path{n, at})
	}
	return found
}

// longest returns the path that holds most of the tokens.
func (t *tree) longest(key Key, tokens []Token) path {
	best := path{node: t.root}
	for _, p := range t.ends(key, tokens) {
		if p.n > best.n {
			best = p
		}
	}
	return best
}

// usable returns the path that gives most of the tokens on top of the first f.
func (t *tree) usable(key Key, tokens []Token, f, window Pos) path {
	best := path{node: t.root}
	for _, p := range t.ends(key, tokens) {
		if p = p.usable(f, window); p.n > best.n {
			best = p
		}
	}
	return best
}

// add hangs a node below its parent.
func (t *tree) add(n *node) {
	n.kids, n.place = map[branch]*node{}, len(t.nodes)
	n.parent.kids[n.branch()] = n
	t.nodes = append(t.nodes, n)
	t.byID[n.blob.ID] = n
	t.bytes[n.tier] += n.blob.Bytes
}

// remove takes away a node without children.
func (t *tree) remove(n *node) {
	last := len(t.nodes) - 1
	t.nodes[n.place] = t.nodes[last]
	t.nodes[n.place].place = n.place
	t.nodes[last] = nil
	t.nodes = t.nodes[:last]
	delete(n.parent.kids, n.branch())
	delete(t.byID, n.blob.ID)
	t.bytes[n.tier] -= n.blob.Bytes
}

// move puts a node's blob into another tier.
func (t *tree) move(n *node, to tier) {
	t.bytes[n.tier] -= n.blob.Bytes
	n.tier = to
	t.bytes[n.tier] += n.blob.Bytes
}

// inRAM returns the bytes that lie in RAM.
func (t *tree) inRAM() int64 { return t.bytes[ram] + t.bytes[spilling] }

// onDisk returns the bytes that lie on disk or will.
func (t *tree) onDisk() int64 { return t.bytes[spilling] + t.bytes[disk] }

// lowest returns the node with the lowest score among those that are asked for; nil: none.
func (t *tree) lowest(asked func(*node) bool) (best *node) {
	for _, n := range t.nodes {
		if asked(n) && (best == nil || byScore(n, best) < 0) {
			best = n
		}
	}
	return best
}

// byScore orders nodes, those to give up first. Of equal ones that is the deeper, then the older.
func byScore(a, b *node) int {
	return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(b.at, a.at), cmp.Compare(a.blob.ID, b.blob.ID))
}

// check counts everything again.
func (t *tree) check() error {
	var bytes [tiers]int64
	for _, n := range t.nodes {
		bytes[n.tier] += n.blob.Bytes
		if err := t.checkNode(n); err != nil {
			return fmt.Errorf("blob %d: %w", n.blob.ID, err)
		}
	}
	if reached := len(t.root.subtree()) - 1; reached != len(t.nodes) || reached != len(t.byID) {
		return fmt.Errorf("%d nodes in the tree, %d in the list, %d with a name", reached, len(t.nodes), len(t.byID))
	}
	if bytes != t.bytes {
		return fmt.Errorf("%v bytes are counted in RAM, on the way and on disk, there are %v", t.bytes, bytes)
	}
	return nil
}

func (t *tree) checkNode(n *node) error {
	switch {
	case t.byID[n.blob.ID] != n || t.nodes[n.place] != n:
		return fmt.Errorf("not found under its name and place")
	case len(n.tokens) == 0 || n.parent.kids[n.branch()] != n:
		return fmt.Errorf("%d tokens, not a child of its parent", len(n.tokens))
	case n.at < n.parent.at || n.at > n.parent.end() || n.from < 0 || n.from > n.at:
		return fmt.Errorf("begins at %d, its blob at %d, its parent at %d", n.at, n.from, n.parent.at)
	case n.parent.parent != nil && n.parent.key != n.key.public() && n.parent.key != n.key:
		return fmt.Errorf("of %q, its parent is of %q", n.key, n.parent.key)
	case n.at < n.parent.end() && n.key == n.parent.key && n.parent.tokens[n.at-n.parent.at] == n.tokens[0]:
		return fmt.Errorf("goes on as its parent does at %d", n.at)
	case n.pins < 0 || n.blob.Bytes < 0:
		return fmt.Errorf("%d pins, %d bytes", n.pins, n.blob.Bytes)
	}
	return nil
}
