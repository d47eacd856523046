package engine

import (
	"errors"

	"github.com/moltbot/moltbot/kvcache"
)

// The engine speaks the words of kvcache for what a sequence is made of.
type (
	Token = kvcache.Token
	Pos   = kvcache.Pos
	SeqID = kvcache.SeqID
)

// What Decode may answer. Everything else is fatal to the rows of the batch.
var (
	// ErrNoSlot: no KV slot for the batch; nothing was computed. Preempt and try again.
	ErrNoSlot = errors.New("no KV slot for the batch")
	// ErrAborted: the step was interrupted; what had been computed stays in memory.
	ErrAborted = errors.New("aborted")
)

// Row is one token of a batch.
type Row struct {
	Token  Token
	Pos    Pos
	Seq    SeqID
	Output bool // logits are wanted
}

// PadSeq is the sequence of rows that only fill up a batch: at positions from 0
// on, computed and forgotten. They need free cells as any others do.
const PadSeq SeqID = -1

// DraftRows is how many rows of a step may give scores besides one of each sequence.
const DraftRows = 48

// Shape is what a loaded model and its context can hold.
type Shape struct {
	Vocab     int  // tokens
	Cells     int  // KV cells, all sequences together
	Seqs      int  // sequences
	Rows      int  // rows of one batch at most
	Outputs   int  // rows of one batch that may ask for scores
	Window    int  // tokens that a sliding window reaches back; 0: every layer attends to all
	CellBytes int  // bytes of a token outside of the context, about
	Align     int  // rows that the kernels compute at once; 0 and 1: any
	States    bool // sequences can be continued, but neither cut nor shared (recurrent layers)
	Tail      int  // last tokens of a prompt that are computed in a step of their own; 0: none
	Pads      bool // rows of PadSeq may fill up a batch
	Fuse      bool // decode and prefill rows go together in one batch (GPU); else steps alternate
}

// Backend computes. One goroutine, locked to its thread, calls it.
type Backend interface {
	Shape() Shape
	// Decode computes the batch. Errors: ErrNoSlot, ErrAborted, anything else is fatal.
	Decode(rows []Row) error
	// Logits returns the scores of the i-th row of the last batch that asked for
	// output, counting batch rows, shape [n_vocab]: the backend's memory, valid until the next Decode.
	Logits(row int) []float32
	// Remove drops [p0, ∞) of a sequence. It returns false where the model's
	// memory can't take back a part; the sequence is then unchanged.
	Remove(seq SeqID, p0 Pos) bool
	// Identity names all that saved bytes depend on; nil where nothing can be saved.
	Identity() []byte
	// Fork lets dst, which is empty, share the first n tokens of src.
	Fork(src, dst SeqID, n Pos)
	// SaveSize returns the bytes that Save needs for [from, to) of a sequence.
	SaveSize(seq SeqID, from, to Pos) int
	// Save writes [from, to) of a sequence to b. From whole on, the layers of a
	// sliding window are in it as well.
	Save(b []byte, seq SeqID, from, to Pos) (n int, whole Pos, err error)
	// Load appends tokens [from, to) of what Save wrote to a sequence that holds
	// [0, from). After an error the sequence is as it was. Errors:
	// kvcache.ErrNoCells, kvcache.ErrLost.
	Load(b []byte, seq SeqID, from, to Pos) error
	// CanResume tells whether a sequence truncated to n tokens still holds all
	// that the model attends to (sliding windows forget).
	CanResume(seq SeqID, n Pos) bool
	Close()
}

// Vocab is the tokeniser's side of a model; safe for concurrent use.
type Vocab interface {
	// Tokenize turns text into tokens. special: BOS/EOS are added where the
	// model wants them; parse: text like <|im_end|> becomes its control token.
	Tokenize(text string, special, parse bool) ([]Token, error)
	// Piece appends the bytes of a token to b; those of a control token only when control is set.
	Piece(b []byte, t Token, control bool) []byte
	// IsEOG tells whether a token ends the generation.
	IsEOG(Token) bool
	Len() int
}

// Aborter is a Backend whose running Decode can be ended from another goroutine.
type Aborter interface{ Abort() }
