//go:build cgo

// Package guidance compiles what an answer must follow, for the vocabulary of one model.
//
// Owns: the tokeniser of llguidance, the cache of compiled grammars, the bounds on
// how long and how many at once are compiled.
// Must not import: engine, anything that knows HTTP; it is the only importer of cgo/guidance.
// Flow: New takes a Vocab; the first Compile makes the tokeniser; each Compile has
// engine/constrain lower the grammar to what llguidance enforces, or refuse it, and
// gives that to C; Start clones the compiled matcher.
package guidance

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	cguidance "github.com/moltbot/moltbot/cgo/guidance"
	"github.com/moltbot/moltbot/engine/constrain"
)

const (
	// compileTime is how long a caller waits. The work goes on and is kept, so a
	// second try may find it done.
	compileTime = 5 * time.Second
	// cacheBytes bounds what is kept, by an estimate: see entry.
	cacheBytes = 256 << 20
)

// atOnce is how many grammars are compiled side by side.
var atOnce = max(1, runtime.GOMAXPROCS(0)/2)

// Compiler implements constrain.Compiler.
type Compiler struct {
	vocab Vocab
	slots chan struct{} // one taken by each running compilation

	once      sync.Once
	tokenizer *cguidance.Tokenizer
	broken    error // why there is no tokenizer

	mu      sync.Mutex
	cache   *cache
	closed  bool
	running sync.WaitGroup
}

// New returns a compiler that makes its tokeniser when it is first used. What v's
// TokenizeFunc gives must stay valid until Close.
func New(v Vocab) *Compiler {
	return &Compiler{vocab: v, slots: make(chan struct{}, atOnce), cache: newCache(cacheBytes)}
}

var errClosed = errors.New("the grammar compiler is closed")

// Compile implements constrain.Compiler. Equal grammars are compiled once.
func (c *Compiler) Compile(ctx context.Context, g constrain.Grammar) (constrain.Constraint, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, compileTime, &constrain.RefusedError{Reason: "it takes too long to compile"})
	defer cancel()
	e, err := c.entry(ctx, g)
	if err != nil {
		return nil, err
	}
	select {
	case <-e.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if e.err != nil {
		return nil, e.err
	}
	return e.made, nil
}

// entry finds a grammar in the cache, or has it compiled once there is a free slot.
func (c *Compiler) entry(ctx context.Context, g constrain.Grammar) (*entry, error) {
	key := keyOf(g)
	if e := c.known(key); e != nil {
		return e, nil
	}
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	e, begun, err := c.begin(key, g)
	if !begun {
		<-c.slots
	}
	return e, err
}

func (c *Compiler) known(key key) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cache.get(key)
}

// begin starts a compilation, which gives the slot back, unless another has.
func (c *Compiler) begin(key key, g constrain.Grammar) (e *entry, begun bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, false, errClosed
	}
	if e := c.cache.get(key); e != nil {
		return e, false, nil
	}
	e = c.cache.add(key, len(g.Source))
	c.running.Add(1)
	go func() {
		defer c.running.Done()
		defer func() { <-c.slots }()
		e.made, e.err = c.compile(g)
		close(e.done)
	}()
	return e, true, nil
}

func (c *Compiler) compile(g constrain.Grammar) (*constraint, error) {
	low, err := constrain.Lower(g)
	if err != nil {
		return nil, err
	}
	c.once.Do(func() { c.tokenizer, c.broken = newTokenizer(c.vocab) })
	if c.broken != nil {
		return nil, c.broken
	}
	m, err := c.tokenizer.Compile(string(low.Kind), low.Source)
	if err != nil {
		return nil, refusal(err)
	}
	return newConstraint(m, c.vocab)
}

// refusal turns what llguidance says into a RefusedError.
func refusal(err error) error {
	var g *cguidance.GrammarError
	if errors.As(err, &g) {
		return &constrain.RefusedError{Reason: g.Reason}
	}
	return err
}

// Close waits for running compilations. What was compiled stays usable as long as
// the vocabulary is. A second call does nothing.
func (c *Compiler) Close() {
	c.mu.Lock()
	c.closed = true
	c.cache = newCache(0)
	c.mu.Unlock()
	c.running.Wait()
	c.once.Do(func() { c.broken = errClosed })
	if c.tokenizer != nil {
		c.tokenizer.Close()
		c.tokenizer = nil
	}
}
