// Package engine runs one loaded model: the step loop, sampling, streams.
//
// Owns: the goroutine that calls the Backend, and that of a draft model; the live
// requests and their streams. One goroutine touches scheduler, cache and backends,
// so none of them has a lock.
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
	"time"

	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/batching"
	"github.com/moltbot/moltbot/engine/blobs"
	"github.com/moltbot/moltbot/kvcache"
)

// Config says how to run a Backend.
type Config struct {
	Context  int             // tokens of one request at most, prompt and answer together; 0: all cells
	Costs    *batching.Costs // of steps, from Calibrate; nil: learned by running
	Limits   Limits
	Cache    Cache
	Draft    *Draft // a draft model; nil: none
	NoDrafts bool   // nothing is guessed
	Workers  int    // goroutines that sample; 0: as many as there are processors
	Log      zerolog.Logger
}

// Limits bound who waits, and for what.
type Limits struct {
	Queue       int                // requests that wait, at most
	QueueTokens int                // their tokens, at most; 0: no bound
	MaxWait     time.Duration      // predicted wait beyond which a request is refused; 0: no bound
	Step        time.Duration      // how long a decode waits for a step of prompt rows; 0: no bound
	Age         time.Duration      // waited that long, a request counts as one class higher; 0: never
	Weights     map[string]float64 // shares of partitions; absent: 1
}

// Cache says where prefixes are kept that no running request uses.
type Cache struct {
	RAM    int64  // bytes; 0: none
	Disk   int64  // bytes; 0: none
	Folder string // on disk; "": none
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
	costs   *batching.Costs
	cache   kvcache.Cache
	cells   cells    // does what the cache decides
	drafter *drafter // nil: there is no draft model, or it isn't asked
	blobs   *blobs.Store
	live    map[batching.ReqID]*sequence
	holder  map[SeqID]batching.ReqID // who runs, or ran last, on a sequence
	reuse   Reuse
	lastID  batching.ReqID
	closing bool // nothing new is taken
	rows    []Row
	adapter string // that the backend applies
	failure error  // why the loop ended before its time; read by others once the inbox is closed
}

// New starts the step loop over a backend, which it owns from then on. After an
// error the caller still owns it.
func New(b Backend, v Vocab, cfg Config) (*Engine, error) {
	shape := b.Shape()
	if cfg.Context <= 0 || cfg.Context > shape.Cells {
		cfg.Context = shape.Cells
	}
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if cfg.Costs == nil {
		cfg.Costs = &batching.Costs{Points: []batching.Point{{Rows: 1, Time: guess}}}
	}
	e := &Engine{
		backend: b, vocab: v, shape: shape, cfg: cfg, log: cfg.Log, costs: cfg.Costs,
		inbox: newInbox(), done: make(chan struct{}),
		live: map[batching.ReqID]*sequence{}, holder: map[SeqID]batching.ReqID{},
	}
	var err error
	if e.sched, err = batching.New(e.Limits(), e.costs, effects{e}); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	if err := e.openDraft(); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	if err := e.openCache(); err != nil {
		return nil, err
	}
	e.report(nil)
	go e.run()
	return e, nil
}

// guess is what a row takes before anything was measured.
const guess = time.Millisecond

// Limits are what shape and configuration allow the scheduler.
func (e *Engine) Limits() batching.Limits {
	l, s := e.cfg.Limits, e.shape
	return batching.Limits{
		Seqs: s.Seqs, Cells: e.cfg.Context, Rows: s.Rows, Outputs: s.Outputs, Align: s.Align, Tail: s.Tail, Fuse: s.Fuse,
		Step: l.Step, Queue: l.Queue, QueueTokens: l.QueueTokens, MaxWait: l.MaxWait, Age: l.Age, Weights: l.Weights,
	}
}

// Context returns the tokens of one request at most, prompt and answer together.
func (e *Engine) Context() int { return e.cfg.Context }

// Done is closed when the engine has ended, after Close or by a failure of its own.
func (e *Engine) Done() <-chan struct{} { return e.done }

// Load returns what the loop is busy with, as of its last step.
func (e *Engine) Load() Load { return e.load.get() }

// Submit hands a request to the step loop and waits until it is admitted.
// When ctx ends, so does the generation. Errors: *ContextError, *BusyError,
// ErrClosed, ErrFailed, ctx.Err().
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
		return nil, e.why()
	}
	if err := sub.wait(ctx, e); err != nil {
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
	Reuse   Reuse
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

// set publishes a glance; steps are those that were computed since the last one.
func (g *loadGauge) set(l Load, steps int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l.Steps = g.load.Steps + steps
	g.load = l
}
