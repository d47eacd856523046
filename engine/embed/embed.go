// Package embed turns token sequences into vectors, those of many requests in one batch.
//
// Owns: the queue, what goes into a batch, the goroutine that calls the Backend,
// and what becomes of a vector: normalised, or cut to fewer dimensions.
// Must not import: cgo, net, anything that knows HTTP.
// Flow: Embed puts a request's sequences into the queue and waits; the loop takes
// sequences from all requests in turn until a batch is full, lets the Backend
// compute it and hands each vector to its request. A request whose context ends
// is dropped before the next batch.
package embed

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/engine"
)

// Token is a token id, as everywhere in the engine.
type Token = engine.Token

// Pooling is how the rows of a sequence become one vector.
type Pooling string

const (
	Mean Pooling = "mean"
	CLS  Pooling = "cls"  // the first token's
	Last Pooling = "last" // the last token's
	Rank Pooling = "rank" // a classifier's outputs: no vector in a space, never normalised
)

// Shape is what a loaded model can do.
type Shape struct {
	Width   int // numbers of a vector
	Context int // tokens of one sequence at most
	Rows    int // tokens of a batch of several sequences at most
	Seqs    int // sequences of a batch at most
	Pooling Pooling
}

// Backend computes. One goroutine, locked to its thread, calls it.
type Backend interface {
	Shape() Shape
	// Embed computes a batch: at most Seqs sequences of at most Rows tokens
	// together, or a single one of at most Context. Result: [len(seqs)][Width],
	// the caller's to keep. Errors: engine.ErrAborted, anything else is fatal to the batch.
	Embed(seqs [][]Token) ([][]float32, error)
	Close()
}

// Config says how to run a Backend.
type Config struct {
	Queue int // requests that wait or run at most
	Log   zerolog.Logger
}

// Embedder owns a Backend and the goroutine that calls it.
type Embedder struct {
	backend Backend
	shape   Shape
	log     zerolog.Logger
	queue   *queue
	done    chan struct{} // closed when the loop has ended
}

// New starts the loop over a backend, which it owns from then on.
func New(b Backend, cfg Config) *Embedder {
	e := &Embedder{backend: b, shape: b.Shape(), log: cfg.Log, queue: newQueue(cfg.Queue), done: make(chan struct{})}
	go e.run()
	return e
}

// Shape returns what the model can do.
func (e *Embedder) Shape() Shape { return e.shape }

// TooLongError says that a sequence doesn't fit into the model's context.
type TooLongError struct {
	Index  int // of the sequence
	Tokens int
	Limit  int
}

func (e *TooLongError) Error() string {
	return fmt.Sprintf("this model's maximum context length is %d tokens, sequence %d has %d", e.Limit, e.Index, e.Tokens)
}

// Embed returns a vector for each sequence, shape [len(seqs)][Width], of length 1
// unless the model's pooling is Rank. Errors: *TooLongError, *engine.BusyError,
// engine.ErrClosed, engine.ErrFailed, ctx.Err().
func (e *Embedder) Embed(ctx context.Context, seqs [][]Token) ([][]float32, error) {
	for i, s := range seqs {
		if len(s) == 0 {
			return nil, fmt.Errorf("embed: sequence %d has no tokens", i)
		}
		if len(s) > e.shape.Context {
			return nil, &TooLongError{Index: i, Tokens: len(s), Limit: e.shape.Context}
		}
	}
	if len(seqs) == 0 {
		return nil, nil
	}
	r := &request{ctx: ctx, seqs: seqs, vectors: make([][]float32, len(seqs)), verdict: make(chan error, 1)}
	if err := e.queue.put(r); err != nil {
		return nil, err
	}
	select {
	case err := <-r.verdict:
		return r.vectors, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Load returns what the loop is busy with.
func (e *Embedder) Load() engine.Load { return e.queue.load() }

// Close stops taking requests and waits for those that are there. When ctx ends
// before they do, they end with engine.ErrClosed. The backend is closed on return.
func (e *Embedder) Close(ctx context.Context) {
	e.queue.close()
	select {
	case <-e.done:
	case <-ctx.Done():
		e.queue.empty(engine.ErrClosed)
		if a, ok := e.backend.(engine.Aborter); ok {
			a.Abort()
		}
		<-e.done
	}
}

// run is the loop; it ends when the queue is closed and empty.
func (e *Embedder) run() {
	runtime.LockOSThread() // the backend's threads and device belong to this one
	defer close(e.done)
	defer e.backend.Close()
	for {
		batch, open := e.queue.next(e.shape)
		if !open {
			return
		}
		if err := e.step(batch); err != nil {
			e.log.Error().Err(err).Msg("embedding failed")
		}
	}
}

// step computes a batch and hands out its vectors.
func (e *Embedder) step(batch []piece) error {
	seqs := make([][]Token, len(batch))
	for i, p := range batch {
		seqs[i] = p.request.seqs[p.index]
	}
	vectors, err := e.backend.Embed(seqs)
	if err != nil {
		return e.fail(batch, err)
	}
	for i, p := range batch {
		if err := e.finish(vectors[i]); err != nil {
			return e.fail(batch[i:], err)
		}
		e.queue.deliver(p, vectors[i])
	}
	return nil
}

// finish normalises a vector unless it is a classifier's. Errors: it holds no numbers.
func (e *Embedder) finish(v []float32) error {
	if !finite(v) {
		return errors.New("the model gave a vector with no numbers in it")
	}
	if e.shape.Pooling != Rank {
		normalise(v)
	}
	return nil
}

// fail ends the requests of a batch. An abort comes with the order to close,
// which has ended them already.
func (e *Embedder) fail(batch []piece, err error) error {
	if errors.Is(err, engine.ErrAborted) {
		err = engine.ErrClosed
	} else {
		err = fmt.Errorf("%w: %w", engine.ErrFailed, err)
	}
	for _, p := range batch {
		e.queue.end(p.request, err)
	}
	if errors.Is(err, engine.ErrClosed) {
		return nil
	}
	return fmt.Errorf("embed: a batch of %d sequences: %w", len(batch), err)
}
