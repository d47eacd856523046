// Package kvcache decides which tokens need not be computed again, and where they are kept.
//
// Owns: the ledger of cells, what each sequence holds and will hold, the tree of
// stored prefixes over RAM and disk, the order in which all of it is given up.
// Must not import: anything outside the standard library; it never sees C.
// Flow: engine asks Look while a request waits, then goes Match, Start, Grow after
// each computed step, and Keep or Drop when the request pauses or ends. What is to
// be done with cells and blobs the cache asks of engine through Memory, inside of
// these calls; only a Spill ends later, with Spilled.
package kvcache

import (
	"errors"
	"strings"
)

// Token is a vocabulary id.
type Token int32

// Pos is a place in a sequence, from 0.
type Pos int32

// SeqID is a llama.cpp sequence, 0 to 254.
type SeqID int32

// BlobID names a blob; Memory chooses it and never uses one twice.
type BlobID uint64

// Key names a partition: prefixes are never shared between two keys, but for
// those of Public.
type Key string

// Public is what an operator shows to all partitions (prewarmed prompts).
const Public Key = "public"

// under separates a partition from the adapter that its prefixes were computed with.
const under = "\x00"

// Under names the partition's prefixes that were computed with an adapter; they
// have nothing in common with those of another, nor with those of none. The
// adapter's public ones are Public.Under(adapter).
func (k Key) Under(adapter string) Key {
	if adapter == "" {
		return k
	}
	return k + under + Key(adapter)
}

// public is the partition that all others of the same adapter may see.
func (k Key) public() Key {
	if i := strings.IndexByte(string(k), under[0]); i >= 0 {
		return Public + k[i:]
	}
	return Public
}

var (
	// ErrNoSeq says that every sequence is held by a running request.
	ErrNoSeq = errors.New("kvcache: no free sequence")
	// ErrNoCells says that too few cells are free: evict or preempt first.
	ErrNoCells = errors.New("kvcache: no free cells")
	// ErrNotHeld says that the sequence isn't held by a running request: a mistake of the caller.
	ErrNotHeld = errors.New("kvcache: sequence is not held")
	// ErrLost says that a blob is broken or gone.
	ErrLost = errors.New("kvcache: blob is lost")
)

// Size is how much there is of everything.
type Size struct {
	Seqs      int   // sequences that requests may hold at once, at most 255
	Cells     int   // KV cells, shared by all sequences
	Window    int   // tokens that a sliding window reaches back; 0: every layer attends to all
	CellBytes int   // bytes of one token in a blob, about; room is made by it before a Save
	RAM, Disk int64 // budgets for blobs, bytes; 0: none
	// Recompute tells what computing [from, to) again costs, in any unit; nil: to-from.
	Recompute func(from, to Pos) float64
}

// Blob is a run of computed tokens outside of the context.
type Blob struct {
	ID    BlobID
	Bytes int64
	Whole Pos // from this position on the layers of a sliding window are in it as well
}

// Entry says where a blob belongs: Tokens is the whole path from position 0 on,
// the blob covers [From, len(Tokens)) of it.
type Entry struct {
	Key    Key
	Tokens []Token
	From   Pos
}

// Memory does what a cache decides; engine implements it. All calls come from
// inside of a Cache's methods, on their goroutine.
type Memory interface {
	// Fork lets dst, which is empty, share the first n cells of src.
	Fork(src, dst SeqID, n Pos)
	// Truncate forgets [n, inf) of the sequence.
	Truncate(seq SeqID, n Pos)
	// Reaches tells whether the sequence, cut to n tokens, can be continued:
	// sliding windows forget, and recurrent memory can't be cut.
	Reaches(seq SeqID, n Pos) bool
	// Save copies [from, to) of the sequence into a new blob in RAM. After an error nothing is stored.
	Save(seq SeqID, from, to Pos) (Blob, error)
	// Load appends the blob's tokens [from, to) to the sequence, which holds
	// [0, from); from and to may lie inside of the blob. Errors (the sequence is
	// as it was): ErrNoCells, no room for it now; ErrLost, the blob is broken or gone.
	Load(id BlobID, seq SeqID, from, to Pos) error
	// Spill begins to write a blob from RAM to disk; Cache.Spilled tells how it ended.
	Spill(id BlobID, e Entry)
	// Forget frees a blob in whatever tier, also one that is being spilled.
	Forget(id BlobID)
}

// Want is what a request is about to compute. The cache copies it where it keeps it.
type Want struct {
	Key    Key     // it sees this partition and Public, of its adapter
	Tokens []Token // all that it knows: the prompt, and after a pause what it generated
}

// Found is what Look tells. At most len(Want.Tokens)-1 tokens are ever found:
// the last one must be computed to get logits.
type Found struct {
	Ready  int   // tokens that Start would give now, were there cells and a sequence
	Free   int   // of Ready, those that take no cells, since a running sequence holds them
	Coming int   // tokens that the running sequence Leader will have, when more than Ready; else 0
	Leader SeqID // meaningless unless Coming > 0
}

// Opened is a sequence handed to a request.
type Opened struct {
	Seq   SeqID
	Len   int // tokens at the start of the sequence that are computed
	Cells int // cells that are held now and were not before
	// Where Len came from: another sequence (or this one), blobs in RAM, blobs on disk.
	Shared, RAM, Disk int
}

// Count is the balance. Free+Held+Idle is always Size.Cells; a shared cell counts once.
type Count struct {
	Free  int   // cells that nobody uses
	Held  int   // cells of sequences that running requests hold
	Idle  int   // cells that only idle sequences use; Evict frees them
	Seqs  int   // sequences that Start could hand out, giving up idle ones
	Blobs int   // stored blobs
	RAM   int64 // bytes of blobs in RAM, those being spilled included
	Disk  int64 // bytes of blobs on disk
}

// Cache is the contract that the naive and the radix cache share. It isn't
// safe for concurrent use: one goroutine owns it.
type Cache interface {
	// Look tells what Start could give. It pins nothing and changes nothing.
	Look(Want) Found
	// Match pins what is stored of Want until Start or Release. Never nil.
	Match(Want) *Handle
	// Start opens a sequence on at most keep tokens and releases h, also when it
	// fails. When no sequence is free, or too few cells for what is stored, the least
	// recently used idle ones are given up; where cells are still too few, it opens
	// less. Errors: ErrNoSeq.
	Start(h *Handle, keep int) (Opened, error)
	// Grow hears that tokens were computed at the end of the sequence. Errors
	// (nothing is changed): ErrNoCells, ErrNotHeld.
	Grow(s SeqID, tokens []Token) error
	// Keep ends the hold: what the tree lacks of the sequence is saved, and it
	// stays idle in its cells. It returns how many held cells are not held any more.
	// Errors: ErrNotHeld.
	Keep(s SeqID) (freed int, err error)
	// Drop ends the hold and forgets the sequence; it returns what Keep returns. Errors: ErrNotHeld.
	Drop(s SeqID) (freed int, err error)
	// Evict forgets idle sequences, least recently used first, until so many cells
	// are free or none is idle. It returns the cells freed.
	Evict(cells int) int
	// Adopt takes a blob that an earlier run left on disk, parents first. False:
	// there is no place for it (its parent is missing, it is there already, the
	// budget is spent), and the caller forgets it.
	Adopt(Entry, Blob) bool
	// Spilled hears that a blob is on disk and gone from RAM, or why not.
	Spilled(BlobID, error)
	// Flush begins to spill what is in RAM, best first, as far as the disk budget goes.
	Flush()
	// Count returns the balance.
	Count() Count
	// Check returns an error when an invariant is broken.
	Check() error
}
