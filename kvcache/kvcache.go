// Package kvcache decides which sequence holds which token prefix.
//
// Owns: the ledger of cells and sequences, the prefixes that stay after their
// request ended, the order in which they are given up.
// Must not import: anything outside the standard library; it never sees C.
// Flow: engine calls Start to open a sequence for a request (on the longest
// cached prefix, when one is there), Grow before each step writes cells, and
// Keep or Drop when the request ends; under pressure it calls Evict and
// removes from memory the sequences that are named.
package kvcache

import "errors"

// Token is a vocabulary id.
type Token int32

// Pos is a place in a sequence, from 0.
type Pos int32

// SeqID is a llama.cpp sequence, 0 to 255.
type SeqID int32

// Key names a partition: prefixes are never shared between two keys.
type Key string

var (
	// ErrNoSeq says that every sequence is held by a running request.
	ErrNoSeq = errors.New("kvcache: no free sequence")
	// ErrNoCells says that the ledger has too few free cells: evict or preempt first.
	ErrNoCells = errors.New("kvcache: no free cells")
	// ErrNotHeld says that the sequence isn't held by a running request: a mistake of the caller.
	ErrNotHeld = errors.New("kvcache: sequence is not held")
	// ErrLength says that Keep was given more or fewer tokens than cells are counted: a mistake of the caller.
	ErrLength = errors.New("kvcache: tokens and cells differ")
)

// Size is how much there is of everything.
type Size struct {
	Seqs  int // sequences, at most 256
	Cells int // KV cells, shared by all sequences
}

// Count is the balance of cells: Free+Held+Idle is always Size.Cells.
type Count struct {
	Free int // cells that nobody uses
	Held int // cells of sequences that running requests hold
	Idle int // cells of kept prefixes; Evict frees them
	Seqs int // sequences that Start could hand out, evicting idle ones
}

// Opened is a sequence handed to a request.
type Opened struct {
	Seq SeqID
	Len int // tokens at the start of the sequence that are already computed
}

// Cache is the contract that the naive and the radix cache share. It isn't
// safe for concurrent use: one goroutine owns it.
type Cache interface {
	// Match returns the longest kept prefix of tokens in the partition, pinned
	// until Release. Never nil; after a miss Len is 0.
	Match(Key, []Token) *Handle
	// Start hands out a sequence on top of h (which it releases, also when it
	// fails), with at most keep of its tokens; a zero Handle is a miss. The
	// sequence may have held a prefix that is given up here, so the caller must
	// remove [Opened.Len, ∞) from memory before it writes. Errors: ErrNoSeq.
	Start(h *Handle, keep int) (Opened, error)
	// Grow counts n more cells for a held sequence. Errors: ErrNoCells (nothing
	// is changed), ErrNotHeld.
	Grow(s SeqID, n int) error
	// Keep ends the hold and keeps the sequence's computed tokens as an idle
	// prefix. len(tokens) must be the cells counted for s. Errors: ErrNotHeld,
	// ErrLength (nothing is changed).
	Keep(Key, []Token, SeqID) error
	// Drop ends the hold and frees the cells; the caller removes them from memory.
	Drop(SeqID) error
	// Evict gives up idle, unpinned prefixes, least recently used first, until
	// at least cells are free or none is left. The caller removes those named.
	Evict(cells int) []SeqID
	// Count returns the balance.
	Count() Count
	// Check returns an error when an invariant is broken.
	Check() error
}
