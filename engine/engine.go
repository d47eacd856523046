// Package engine runs one loaded model: the step loop, sampling, streams.
//
// Owns: the goroutine that calls the Backend, the live requests and their
// streams. One goroutine touches scheduler, cache and backend, so none of them
// has a lock.
// Must not import: cgo, net, anything that knows HTTP.
// Flow: Submit puts a request into the inbox; each step drains the inbox, asks
// batching what to compute, keeps the cache's ledger, lets the Backend decode,
// samples the rows side by side and pushes text into the streams.
package engine

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/batching"
	"github.com/moltbot/moltbot/kvcache"
)

// Config says how to run a Backend.
type Config struct {
	Context int // tokens of one request at most, prompt and answer together; 0: all cells
	Chunk   int // prompt rows of a step while a decode waits
	Queue   int // requests that wait at most
	Workers int // goroutines that sample; 0: as many as there are processors
	Log     zerolog.Logger
}

// Engine owns a Backend and the goroutine that calls it.
type Engine struct {
	backend Backend
	vocab   Vocab
	shape   Shape
	cfg     Config
	log     zerolog.Logger

	inbox *inbox
	done  chan struct{} // closed when the loop has ended
	load  loadGauge

	// What follows belongs to the loop.
	sched   *batching.Scheduler
	cache   kvcache.Cache
	live    map[batching.ReqID]*sequence
	lastID  batching.ReqID
	closing bool // nothing new is taken
	rows    []Row
	pace    pace
}

// New starts the step loop over a backend, which it owns from then on.
func New(b Backend, v Vocab, cfg Config) (*Engine, error) {
	shape := b.Shape()
	if cfg.Context <= 0 || cfg.Context > shape.Cells {
		cfg.Context = shape.Cells
	}
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	e := &Engine{
		backend: b, vocab: v, shape: shape, cfg: cfg, log: cfg.Log,
		inbox: newInbox(), done: make(chan struct{}),
		cache: kvcache.NewNaive(kvcache.Size{Seqs: shape.Seqs, Cells: shape.Cells}),
		live:  map[batching.ReqID]*sequence{},
	}
	var err error
	e.sched, err = batching.New(batching.Limits{
		Seqs: shape.Seqs, Cells: cfg.Context, Rows: shape.Rows,
		Chunk: min(cfg.Chunk, shape.Rows), Queue: cfg.Queue, Tail: shape.Tail, Fuse: shape.Fuse,
	}, effects{e})
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	e.report(nil)
	go e.run()
	return e, nil
}

// Context returns the tokens of one request at most, prompt and answer together.
func (e *Engine) Context() int { return e.cfg.Context }

// Load returns what the loop is busy with, as of its last step.
func (e *Engine) Load() Load { return e.load.get() }

// Submit hands a request to the step loop and waits until it is admitted.
// When ctx ends, so does the generation. Errors: *ContextError, *BusyError,
// ErrClosed, ctx.Err().
func (e *Engine) Submit(ctx context.Context, r Request) (*Stream, error) {
	streams, err := e.SubmitAll(ctx, []Request{r})
	if err != nil {
		return nil, err
	}
	return streams[0], nil
}

// SubmitAll does the same for requests that belong together: all are admitted
// before the same step and start in their order, or none is.
func (e *Engine) SubmitAll(ctx context.Context, reqs []Request) ([]*Stream, error) {
	sub := &submission{verdict: make(chan error, 1)}
	for _, r := range reqs {
		if err := e.fits(r); err != nil {
			return nil, err
		}
		sub.streams = append(sub.streams, newStream(e, r))
	}
	if !e.inbox.put(event{submit: sub}) {
		return nil, ErrClosed
	}
	if err := sub.wait(ctx); err != nil {
		sub.close()
		return nil, err
	}
	return sub.streams, nil
}

// fits refuses what the context can't hold, before anything is computed.
func (e *Engine) fits(r Request) error {
	if len(r.Prompt) == 0 {
		return fmt.Errorf("engine: the prompt has no tokens")
	}
	if len(r.Prompt)+max(r.MaxTokens, 1) > e.cfg.Context {
		return &ContextError{Limit: e.cfg.Context, Prompt: len(r.Prompt), Completion: r.MaxTokens}
	}
	return nil
}

// Close stops taking requests and waits for those that run. When ctx ends
// before they do, they end with ErrClosed. The backend is closed on return.
func (e *Engine) Close(ctx context.Context) {
	e.inbox.put(event{drain: true})
	select {
	case <-e.done:
	case <-ctx.Done():
		e.inbox.put(event{stop: true})
		if a, ok := e.backend.(Aborter); ok {
			a.Abort()
		}
		<-e.done
	}
}

// Load is a glance at the loop.
type Load struct {
	Running int // requests with a sequence
	Waiting int // requests without one
	Cells   kvcache.Count
	Steps   int64 // computed since the start
}

type loadGauge struct {
	mu   sync.Mutex
	load Load
}

func (g *loadGauge) get() Load {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.load
}

func (g *loadGauge) set(running, waiting int, cells kvcache.Count, steps int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.load = Load{Running: running, Waiting: waiting, Cells: cells, Steps: g.load.Steps + steps}
}
