package forecast

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/moltbot/moltbot/batching/sim"
	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/kvcache"
)

// Play submits arrivals to an engine when they are due, each from a goroutine of
// its own, and returns what became of them as their readers saw it. Prompts are
// random tokens of a vocabulary of that size, the same for the same seed.
func Play(ctx context.Context, e *engine.Engine, vocab int, seed uint64, arrivals []sim.Arrival) ([]sim.Result, error) {
	results := make([]sim.Result, len(arrivals))
	requests := make([]engine.Request, len(arrivals))
	for i, a := range arrivals {
		results[i].Arrival = a
		requests[i] = request(a, vocab, seed, i)
	}
	players, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for i := range results {
		players.Go(func() error {
			if err := serve(ctx, e, requests[i], &results[i], began); err != nil {
				return fmt.Errorf("forecast: arrival %d: %w", i, err)
			}
			return nil
		})
	}
	return results, players.Wait()
}

// request has as many tokens as the arrival says, and answers as long.
func request(a sim.Arrival, vocab int, seed uint64, i int) engine.Request {
	r := engine.Request{
		Partition: kvcache.Key(a.Job.Tenant), Class: a.Job.Class, MaxTokens: a.Answer, IgnoreEOS: true,
		Prompt: tokens(rand.NewPCG(seed, named(a.Family)), a.Shared, vocab),
	}
	rest := tokens(rand.NewPCG(seed+1, uint64(i)), a.Job.Prompt-a.Shared, vocab)
	r.Prompt = append(r.Prompt, rest...)
	return r
}

func tokens(source rand.Source, n, vocab int) []engine.Token {
	rnd := rand.New(source)
	all := make([]engine.Token, n)
	for i := range all {
		all[i] = engine.Token(rnd.IntN(vocab))
	}
	return all
}

func named(family string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(family))
	return h.Sum64()
}

// serve waits until the arrival is due and reads its answer to the end.
func serve(ctx context.Context, e *engine.Engine, r engine.Request, result *sim.Result, began time.Time) error {
	select {
	case <-time.After(time.Until(began.Add(result.At))):
	case <-ctx.Done():
		return ctx.Err()
	}
	stream, err := e.Submit(ctx, r)
	if _, busy := errors.AsType[*engine.BusyError](err); busy {
		result.Refused++
		return nil
	} else if err != nil {
		return err
	}
	defer stream.Close()
	for {
		_, err := stream.Recv(ctx)
		now := time.Since(began)
		switch {
		case errors.Is(err, io.EOF):
			result.End, result.Cached = now, stream.Result().Usage.Cached
			return nil
		case err != nil:
			return err
		case result.Start == 0:
			result.Start = now
		}
	}
}
