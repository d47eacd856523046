package embed_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/embed"
	"github.com/moltbot/moltbot/engine/enginetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var small = embed.Shape{Width: 4, Context: 20, Rows: 12, Seqs: 4, Pooling: embed.Mean}

// seq makes a sequence of n equal tokens.
func seq(t engine.Token, n int) []engine.Token { return slices.Repeat([]engine.Token{t}, n) }

// gate lets a test hold the first batch: the loop waits in it while the queue fills.
type gate struct{ entered, open chan struct{} }

func newGate() gate { return gate{make(chan struct{}), make(chan struct{})} }

func (g gate) before(batch int, _ [][]engine.Token) error {
	if batch == 1 {
		close(g.entered)
		<-g.open
	}
	return nil
}

// start runs an embedder over a toy until the test ends.
func start(t testing.TB, shape embed.Shape, queue int, before func(int, [][]engine.Token) error) (*embed.Embedder, *enginetest.EmbedToy) {
	t.Helper()
	toy := enginetest.NewEmbedToy(t, shape)
	toy.Before = before
	e := embed.New(toy, embed.Config{Queue: queue})
	t.Cleanup(func() { enginetest.CloseEmbedder(t, e) })
	return e, toy
}

// until waits; the test's own time limit is the only one.
func until(ok func() bool) {
	for !ok() {
		time.Sleep(time.Millisecond)
	}
}

func length(v []float32) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}

// want is the toy's vector of a sequence, of length 1.
func want(s []engine.Token, width int) []float32 {
	return embed.Shorten(enginetest.ToyVector(s, width), width)
}

func TestEachSequenceGetsItsOwnVector(t *testing.T) {
	token := rapid.Custom(func(r *rapid.T) engine.Token { return engine.Token(rapid.IntRange(0, 255).Draw(r, "token")) })
	rapid.Check(t, func(r *rapid.T) {
		e := embed.New(enginetest.NewEmbedToy(t, small), embed.Config{Queue: 100})
		defer enginetest.CloseEmbedder(t, e)
		requests := rapid.SliceOfN(rapid.SliceOfN(rapid.SliceOfN(token, 1, 20), 1, 9), 1, 6).Draw(r, "requests")
		var wg sync.WaitGroup
		for _, seqs := range requests {
			wg.Go(func() {
				got, err := e.Embed(t.Context(), seqs)
				for i := range seqs {
					if err != nil || !slices.Equal(got[i], want(seqs[i], 4)) {
						t.Errorf("sequence %d of %d: %v, %v", i, len(seqs), got, err)
						return
					}
				}
			})
		}
		wg.Wait()
		if l := e.Load(); l.Running+l.Waiting != 0 {
			r.Errorf("left behind: %+v", l)
		}
	})
}

// hold starts an embedder whose loop waits in a batch of one token, and queues
// these requests behind it; release lets all of them end.
func hold(t *testing.T, shape embed.Shape, requests ...[][]engine.Token) (toy *enginetest.EmbedToy, release func()) {
	t.Helper()
	g := newGate()
	e, toy := start(t, shape, 100, g.before)
	var wg sync.WaitGroup
	ask := func(seqs [][]engine.Token) {
		wg.Go(func() {
			if _, err := e.Embed(t.Context(), seqs); err != nil {
				t.Error(err)
			}
		})
	}
	ask([][]engine.Token{seq(0, 1)})
	<-g.entered
	for i, r := range requests {
		ask(r)
		until(func() bool { return e.Load().Waiting == i+1 }) // in this order
	}
	return toy, func() { close(g.open); wg.Wait() }
}

// lengths returns how long the sequences of each batch were, without the first batch.
func lengths(toy *enginetest.EmbedToy) (all [][]int) {
	for _, batch := range toy.Batches()[1:] {
		var one []int
		for _, s := range batch {
			one = append(one, len(s))
		}
		all = append(all, one)
	}
	return all
}

func TestBatches(t *testing.T) {
	a := func(n ...int) (seqs [][]engine.Token) {
		for _, l := range n {
			seqs = append(seqs, seq(1, l))
		}
		return seqs
	}
	for _, c := range []struct {
		rule     string
		requests [][][]engine.Token
		want     [][]int
	}{
		{"requests share a batch", [][][]engine.Token{a(3), a(4), a(5)}, [][]int{{3, 4, 5}}},
		{"a batch holds so many rows", [][][]engine.Token{a(6), a(6), a(6)}, [][]int{{6, 6}, {6}}},
		{"a batch holds so many sequences", [][][]engine.Token{a(1, 1, 1, 1, 1)}, [][]int{{1, 1, 1, 1}, {1}}},
		{"a sequence longer than a batch's rows is a batch of its own", [][][]engine.Token{a(2), a(20), a(3)}, [][]int{{2}, {20}, {3}}},
		{"a long request doesn't hold up a short one", [][][]engine.Token{a(6, 6, 6, 6), a(5)}, [][]int{{6, 5}, {6, 6}, {6}}},
		{"who didn't fit comes first", [][][]engine.Token{a(6, 1), a(4, 1), a(8)}, [][]int{{6, 4}, {8, 1, 1}}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			toy, release := hold(t, small, c.requests...)
			release()
			if got := lengths(toy); !slices.EqualFunc(got, c.want, slices.Equal) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestVectorsHaveLengthOneUnlessTheyRank(t *testing.T) {
	for pooling, normalised := range map[embed.Pooling]bool{embed.Mean: true, embed.CLS: true, embed.Last: true, embed.Rank: false} {
		toy := enginetest.NewEmbedToy(t, embed.Shape{Width: 1, Context: 20, Rows: 12, Seqs: 4, Pooling: pooling})
		e := embed.New(toy, embed.Config{Queue: 1})
		got, err := e.Embed(t.Context(), [][]engine.Token{{enginetest.BOS, 'a', enginetest.EOS, 'a'}})
		enginetest.CloseEmbedder(t, e)
		if err != nil || (math.Abs(length(got[0])-1) < 1e-6) != normalised {
			t.Errorf("%s: got %v, %v", pooling, got, err)
		}
	}
}

func TestTooLongIsRefusedAndNeverCut(t *testing.T) {
	e, toy := start(t, small, 1, nil)
	_, err := e.Embed(t.Context(), [][]engine.Token{seq(1, 20), seq(1, 21)})
	long, ok := errors.AsType[*embed.TooLongError](err)
	if !ok || *long != (embed.TooLongError{Index: 1, Tokens: 21, Limit: 20}) || len(toy.Batches()) > 0 {
		t.Errorf("got %v after %d batches", err, len(toy.Batches()))
	}
	if _, err := e.Embed(t.Context(), [][]engine.Token{{}}); err == nil {
		t.Error("a sequence without tokens was taken")
	}
	if got, err := e.Embed(t.Context(), nil); got != nil || err != nil {
		t.Errorf("nothing is %v, %v", got, err)
	}
}

func TestAFullQueueIsBusy(t *testing.T) {
	g := newGate()
	e, _ := start(t, small, 2, g.before)
	ctx, leave := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			if _, err := e.Embed(ctx, [][]engine.Token{seq(1, 1)}); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		until(func() bool { return e.Load().Running+e.Load().Waiting == i+1 })
	}
	<-g.entered
	_, err := e.Embed(t.Context(), [][]engine.Token{seq(1, 1)})
	if busy, ok := errors.AsType[*engine.BusyError](err); !ok || busy.Waiting != 2 || busy.RetryAfter <= 0 {
		t.Errorf("got %v", err)
	}
	leave()
	wg.Wait()
	wg.Go(func() { // the places of those who left are free
		if _, err := e.Embed(t.Context(), [][]engine.Token{seq(1, 1)}); err != nil {
			t.Error(err)
		}
	})
	close(g.open)
	wg.Wait()
}

func TestWhoLeavesIsNotComputed(t *testing.T) {
	g := newGate()
	e, toy := start(t, small, 9, g.before)
	ctx, leave := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := e.Embed(ctx, slices.Repeat([][]engine.Token{seq(1, 12)}, 50)); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	<-g.entered
	leave()
	wg.Wait()
	close(g.open)
	if _, err := e.Embed(t.Context(), [][]engine.Token{seq(2, 1)}); err != nil {
		t.Fatal(err)
	}
	if n := len(toy.Batches()); n != 2 {
		t.Errorf("%d batches were computed, for nobody but one", n)
	}
}

func TestAFailedBatchEndsItsRequestsAlone(t *testing.T) {
	broken := errors.New("broken")
	e, _ := start(t, small, 9, func(batch int, _ [][]engine.Token) error {
		if batch == 1 {
			return broken
		}
		return nil
	})
	if _, err := e.Embed(t.Context(), [][]engine.Token{seq(1, 12), seq(1, 12)}); !errors.Is(err, broken) || !errors.Is(err, engine.ErrFailed) {
		t.Errorf("got %v", err)
	}
	if _, err := e.Embed(t.Context(), [][]engine.Token{seq(1, 12)}); err != nil {
		t.Errorf("the next request: %v", err)
	}
}

// nowhere is a backend whose vectors hold no numbers.
type nowhere struct{ *enginetest.EmbedToy }

func (nowhere) Embed(seqs [][]engine.Token) ([][]float32, error) {
	return slices.Repeat([][]float32{{float32(math.NaN()), 1}}, len(seqs)), nil
}

func TestVectorsWithoutNumbersAreAFailure(t *testing.T) {
	e := embed.New(nowhere{enginetest.NewEmbedToy(t, small)}, embed.Config{Queue: 1})
	defer enginetest.CloseEmbedder(t, e)
	if got, err := e.Embed(t.Context(), [][]engine.Token{seq(1, 1)}); !errors.Is(err, engine.ErrFailed) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestCloseWaitsForWhatRuns(t *testing.T) {
	g := newGate()
	e, _ := start(t, small, 9, g.before)
	answered, closed := make(chan error, 1), make(chan struct{})
	go func() {
		_, err := e.Embed(t.Context(), [][]engine.Token{seq(1, 12), seq(1, 12)})
		answered <- err
	}()
	<-g.entered
	go func() {
		e.Close(context.Background())
		close(closed)
	}()
	close(g.open)
	if err := <-answered; err != nil {
		t.Errorf("the request that ran: %v", err)
	}
	<-closed
	if _, err := e.Embed(t.Context(), [][]engine.Token{seq(1, 1)}); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

func TestCloseEndsWhatRunsWhenItsContextEnds(t *testing.T) {
	entered := make(chan struct{})
	toy := enginetest.NewEmbedToy(t, small)
	toy.Before = func(int, [][]engine.Token) error {
		close(entered)
		<-toy.Aborted()
		return engine.ErrAborted
	}
	e := embed.New(toy, embed.Config{Queue: 9})
	answered := make(chan error, 1)
	go func() {
		_, err := e.Embed(context.Background(), [][]engine.Token{seq(1, 12), seq(1, 12)})
		answered <- err
	}()
	<-entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	e.Close(ctx)
	if err := <-answered; !errors.Is(err, engine.ErrClosed) {
		t.Errorf("got %v", err)
	}
	e.Close(ctx) // a second time does nothing
}

func TestShorten(t *testing.T) {
	v := []float32{3, 4, 12}
	short := embed.Shorten(v, 2)
	if !slices.Equal(short, []float32{0.6, 0.8}) || v[0] != 3 {
		t.Errorf("got %v of %v", short, v)
	}
	if zero := embed.Shorten([]float32{0, 0, 1}, 2); !slices.Equal(zero, []float32{0, 0}) {
		t.Errorf("nothing became %v", zero)
	}
	rapid.Check(t, func(r *rapid.T) {
		v := rapid.SliceOfN(rapid.Float32Range(-1e6, 1e6), 1, 50).Draw(r, "v")
		n := rapid.IntRange(1, len(v)).Draw(r, "n")
		if l := length(embed.Shorten(v, n)); l != 0 && math.Abs(l-1) > 1e-5 {
			r.Errorf("the length is %v", l)
		}
	})
}

func TestSigmoid(t *testing.T) {
	for x, want := range map[float32]float64{0: 0.5, 100: 1, -1000: 0} {
		if got := embed.Sigmoid(x); math.Abs(got-want) > 1e-9 {
			t.Errorf("%v became %v", x, got)
		}
	}
}
