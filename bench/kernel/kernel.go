// Package kernel measures an engine without HTTP: how fast it prefills and
// decodes at each batch size and depth, and what a step costs besides computing.
//
// Owns: the grid of measurements, the meter around a Backend, the read loop
// that tells the memory's bandwidth, and the tables.
// Must not import: cgo, server; it sees a model only as engine.Backend.
// Flow: a caller wraps its Backend with NewMeter, starts an engine over that
// with the Limits of the grid, and calls Run, which yields one Line after another.
//
// The grid and its numbers are those of llama-batched-bench (tools/batched-bench
// in llama.cpp): B prompts of PP random tokens are prefilled together, then TG
// steps of B rows follow. There the steps only compute; here each one also
// plans, keeps the cache's ledger, samples and delivers.
package kernel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/moltbot/moltbot/batching"
	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/sample"
)

// Grid is what to measure: every prompt length with every batch size.
type Grid struct {
	Prompts []int // tokens of a prompt, which is the depth of the decoding
	Output  int   // steps of B rows
	Batches []int // sequences at once
}

// Limits is what an engine needs in order to run a grid.
type Limits struct {
	Seqs    int
	Context int // tokens of one sequence
	Cells   int // of all together
}

// headroom is what the scheduler keeps free for each running sequence, and more.
const headroom = 32

// Limits returns what the grid needs where a step has at most so many rows.
func (g Grid) Limits(rows int) (l Limits) {
	for _, prompt := range g.Prompts {
		for _, batch := range g.Batches {
			context := prompt + g.longest(prompt, batch, rows) + headroom
			l.Seqs = max(l.Seqs, batch)
			l.Context = max(l.Context, context)
			l.Cells = max(l.Cells, batch*context)
		}
	}
	return l
}

// longest is how many tokens a sequence may generate: the steps that are
// measured, and those that the first makes while the last one's prompt is computed.
func (g Grid) longest(prompt, batch, rows int) int {
	return g.Output + 2 + (prompt*batch+rows-1)/rows
}

// Line is one measurement, under the names of llama-batched-bench's JSON lines.
type Line struct {
	PP      int     `json:"pp"`   // tokens of a prompt
	TG      int     `json:"tg"`   // steps
	B       int     `json:"pl"`   // sequences
	NKV     int     `json:"n_kv"` // cells at the end
	TPP     float64 `json:"t_pp"` // seconds
	SPP     float64 `json:"speed_pp"`
	TTG     float64 `json:"t_tg"` // seconds
	STG     float64 `json:"speed_tg"`
	T       float64 `json:"t"` // seconds
	S       float64 `json:"speed"`
	Outside float64 `json:"outside"` // seconds of TTG that no Decode was running
}

// Step returns the seconds of a step.
func (l Line) Step() float64 { return l.TTG / float64(l.TG) }

// Bench runs a grid on an engine over a meter. The engine's Costs must be
// Proportional, or it drafts.
type Bench struct {
	Engine  *engine.Engine
	Meter   *Meter
	Grid    Grid
	Choices Choices
}

// Choices is how tokens are chosen and what is told about them.
type Choices struct {
	Sampling    sample.Params // each request has a seed of its own
	Logprobs    bool
	TopLogprobs int
}

// Proportional returns costs by which no row is cheaper than another, so that
// the engine never adds drafts to a step: a bench measures steps of B rows.
func Proportional() *batching.Costs {
	return &batching.Costs{Points: []batching.Point{{Rows: 1, Time: time.Millisecond}}}
}

// Run measures the whole grid and hands each line to yield.
func (b Bench) Run(ctx context.Context, yield func(Line) error) error {
	for _, prompt := range b.Grid.Prompts {
		for _, batch := range b.Grid.Batches {
			l, err := b.line(ctx, prompt, batch)
			if err != nil {
				return fmt.Errorf("%d prompts of %d tokens: %w", batch, prompt, err)
			}
			if err := yield(l); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b Bench) line(ctx context.Context, prompt, batch int) (Line, error) {
	prefill, err := b.prefill(ctx, prompt, batch)
	if err != nil {
		return Line{}, fmt.Errorf("prefill: %w", err)
	}
	decode, err := b.decode(ctx, prompt, batch)
	if err != nil {
		return Line{}, fmt.Errorf("decode: %w", err)
	}
	l := Line{
		PP: prompt, TG: b.Grid.Output, B: batch, NKV: batch * (prompt + b.Grid.Output),
		TPP: prefill.Seconds(), TTG: decode.wall.Seconds(), Outside: (decode.wall - decode.inside).Seconds(),
	}
	l.T = l.TPP + l.TTG
	l.SPP = float64(batch*prompt) / l.TPP
	l.STG = float64(batch*l.TG) / l.TTG
	l.S = float64(l.NKV) / l.T
	return l, nil
}

// prefill computes the prompts alone: the first token ends each request.
func (b Bench) prefill(ctx context.Context, prompt, batch int) (time.Duration, error) {
	streams, err := b.submit(ctx, prompt, batch, 1)
	if err != nil {
		return 0, err
	}
	began := b.Meter.open(nil)
	if err := drain(ctx, streams); err != nil {
		return 0, err
	}
	return time.Since(<-began), nil
}

// errNeverFull: the engine ran fewer sequences at once than it was asked to.
var errNeverFull = errors.New("the batch was not full for long enough")

// decode measures steps in which all sequences decode. Those that are prefilled
// first have decoded a few tokens more by then.
func (b Bench) decode(ctx context.Context, prompt, batch int) (span, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	streams, err := b.submit(ctx, prompt, batch, b.Grid.longest(prompt, batch, b.Meter.Shape().Rows))
	if err != nil {
		return span{}, err
	}
	w := newWindow(batch, prompt, b.Grid.Output)
	b.Meter.open(w)
	ended := make(chan error, 1)
	go func() { ended <- drain(ctx, streams) }()
	select {
	case s := <-w.done:
		cancel()
		<-ended // all have left
		return s, nil
	case err := <-ended:
		if err == nil {
			err = errNeverFull
		}
		return span{}, err
	}
}

// submit queues the requests while the meter holds the engine back, so that
// the first step sees all of them.
func (b Bench) submit(ctx context.Context, prompt, batch, output int) ([]*engine.Stream, error) {
	b.Meter.hold()
	random := rand.New(rand.NewPCG(uint64(prompt), uint64(batch)))
	var streams []*engine.Stream
	for range batch {
		s, err := b.Engine.Submit(ctx, b.request(random, prompt, output))
		if err != nil {
			closeAll(streams)
			return nil, err
		}
		streams = append(streams, s)
	}
	return streams, nil
}

// request has random tokens and shares no prefix, so that all of it is prefilled.
func (b Bench) request(random *rand.Rand, prompt, output int) engine.Request {
	tokens := make([]engine.Token, prompt)
	for i := range tokens {
		tokens[i] = engine.Token(random.IntN(b.Meter.Shape().Vocab))
	}
	r := engine.Request{
		Prompt: tokens, MaxTokens: output, IgnoreEOS: true, NoCache: true,
		Sampling: b.Choices.Sampling, Logprobs: b.Choices.Logprobs, TopLogprobs: b.Choices.TopLogprobs,
	}
	r.Sampling.Seed = random.Uint64()
	return r
}

// drain reads the streams side by side, as a server would, until all have ended.
func drain(ctx context.Context, streams []*engine.Stream) error {
	defer closeAll(streams)
	var all errgroup.Group
	for _, s := range streams {
		all.Go(func() error {
			for {
				if _, err := s.Recv(ctx); errors.Is(err, io.EOF) {
					return nil
				} else if err != nil {
					return err
				}
			}
		})
	}
	return all.Wait()
}

func closeAll(streams []*engine.Stream) {
	for _, s := range streams {
		s.Close()
	}
}
