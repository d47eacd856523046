//go:build cgo

package guidance

import (
	"container/list"
	"crypto/sha256"
	"fmt"

	"github.com/moltbot/moltbot/engine/constrain"
)

// key is the hash of a grammar.
type key [sha256.Size]byte

func keyOf(g constrain.Grammar) key {
	return sha256.Sum256(fmt.Appendf(nil, "%s\x00%t\x00%s", g.Kind, g.Tokens, g.Source))
}

// entry is a grammar, compiled once done is closed; made or err are then set.
type entry struct {
	done chan struct{}
	made *constraint
	err  error

	key  key
	size int // bytes, estimated
}

// A compiled grammar takes some 50 KiB, and 75 bytes per byte of its source
// (measured with schemas of 127 to 20,665 bytes: docs/benchmarks/masks.md).
const (
	entryBytes = 64 << 10
	perByte    = 100
)

// cache keeps the entries that were asked for last, within a bound of bytes. What
// falls out stays usable by those who have it.
type cache struct {
	room    int
	order   *list.List // of *entry, latest first
	entries map[key]*list.Element
}

func newCache(room int) *cache {
	return &cache{room: room, order: list.New(), entries: map[key]*list.Element{}}
}

// get returns an entry and makes it the latest; nil when it isn't there.
func (c *cache) get(k key) *entry {
	e, ok := c.entries[k]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*entry)
}

// add makes room for a new entry and returns it.
func (c *cache) add(k key, source int) *entry {
	e := &entry{done: make(chan struct{}), key: k, size: entryBytes + perByte*source}
	c.entries[k] = c.order.PushFront(e)
	for c.room -= e.size; c.room < 0 && c.order.Len() > 1; {
		c.drop(c.order.Back())
	}
	return e
}

func (c *cache) drop(e *list.Element) {
	old := c.order.Remove(e).(*entry)
	delete(c.entries, old.key)
	c.room += old.size
}
