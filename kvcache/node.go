package kvcache

import "slices"

type tier uint8

const (
	ram      tier = iota
	spilling      // in RAM, being written to disk
	disk
	tiers
)

// branch finds a child: where it leaves its parent, whose it is, how it goes on.
type branch struct {
	at    Pos
	key   Key
	token Token
}

// node is a stored blob and the tokens that it adds to its parent's. Children hang
// at any position of it, so an edge is never split and one blob is one node.
type node struct {
	parent *node // nil: the root, which has no blob
	kids   map[branch]*node
	key    Key
	at     Pos     // position of tokens[0]
	tokens []Token // not empty, but for the root

	blob Blob
	from Pos // where the blob begins; before at when a window had to be saved again
	tier tier
	dull bool // a spill failed; it isn't tried again

	pins  int // handles
	hits  int
	score float64 // what Greedy-Dual-Size-Frequency gives; the lowest goes first
	place int     // in tree.nodes
}

func (n *node) end() Pos { return n.at + Pos(len(n.tokens)) }

func (n *node) branch() branch { return branch{n.at, n.key, n.tokens[0]} }

func (n *node) leaf() bool { return len(n.kids) == 0 && n.pins == 0 }

// under says whether a node above this one lies in the tier.
func (n *node) under(t tier) bool {
	for x := n.parent; x.parent != nil; x = x.parent {
		if x.tier == t {
			return true
		}
	}
	return false
}

// entry describes the node's blob for whoever writes it down.
func (n *node) entry() Entry {
	tokens := make([]Token, n.end())
	for x, hi := n, n.end(); x.parent != nil; x, hi = x.parent, x.at {
		copy(tokens[x.at:hi], x.tokens)
	}
	return Entry{Key: n.key, Tokens: tokens, From: n.from}
}

// subtree returns the node and all below it, children first.
func (n *node) subtree() (all []*node) {
	for _, kid := range n.kids {
		all = append(all, kid.subtree()...)
	}
	return append(all, n)
}

// below returns the children at a position that a partition may see, those of all first.
func (n *node) below(at Pos, key Key, token Token) (kids []*node) {
	public := key.public()
	if kid := n.kids[branch{at, public, token}]; kid != nil {
		kids = append(kids, kid)
	}
	if key == public {
		return kids
	}
	if kid := n.kids[branch{at, key, token}]; kid != nil {
		kids = append(kids, kid)
	}
	return kids
}

// path is the first n tokens on the way from the root into a node.
type path struct {
	node *node
	n    Pos
}

// part is what one blob gives to a path.
type part struct {
	node     *node
	from, to Pos
}

// parts returns what must be loaded of a path on top of its first f tokens, in
// order. Where two blobs overlap the deeper one is taken: it has the window.
func (p path) parts(f Pos) (parts []part) {
	hi := p.n
	for x := p.node; x.parent != nil && hi > f; x = x.parent {
		if lo := max(x.from, f); lo < hi {
			parts = append(parts, part{x, lo, hi})
			hi = lo
		}
	}
	slices.Reverse(parts)
	return parts
}

// usable returns the longest beginning of the path that can be continued when it is
// loaded on top of f tokens that can; no longer than f if there is none.
func (p path) usable(f, window Pos) path {
	for p.n > f && p.node.parent != nil {
		if p.n >= needs(p.parts(f), window) {
			return p
		}
		p = path{p.node.parent, p.node.at}
	}
	return p
}

// needs returns how many tokens it takes behind the parts' beginning until the window
// reaches no position where a blob lacks the window's layers.
func needs(parts []part, window Pos) (n Pos) {
	for _, p := range parts {
		if window > 0 && p.node.blob.Whole > p.from {
			n = max(n, min(p.node.blob.Whole, p.to)+window)
		}
	}
	return n
}
