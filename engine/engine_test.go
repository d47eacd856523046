package engine_test

import (
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/enginetest"
	"github.com/moltbot/moltbot/engine/sample"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func tokens(text string) []engine.Token {
	out, _ := enginetest.Vocab{}.Tokenize(text, true, false)
	return out
}

func request(prompt string, n int) engine.Request {
	return engine.Request{Prompt: tokens(prompt), MaxTokens: n}
}

// answer is a whole generation.
type answer struct {
	text   string
	chunks []engine.Chunk
	engine.Result
}

func complete(t testing.TB, e *engine.Engine, r engine.Request) answer {
	t.Helper()
	a, err := try(e, r)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func try(e *engine.Engine, r engine.Request) (answer, error) {
	s, err := e.Submit(context.Background(), r)
	if err != nil {
		return answer{}, err
	}
	defer s.Close()
	return read(s)
}

func read(s *engine.Stream) (answer, error) {
	var a answer
	for {
		c, err := s.Recv(context.Background())
		if errors.Is(err, io.EOF) {
			a.Result = s.Result()
			return a, nil
		}
		if err != nil {
			return a, err
		}
		a.text += c.Text
		a.chunks = append(a.chunks, c)
	}
}

// wantToy compares an answer with what the toy says after that prompt.
func wantToy(t testing.TB, a answer, r engine.Request) {
	t.Helper()
	text, ended := enginetest.Continue(r.Prompt, r.MaxTokens)
	finish := engine.FinishLength
	if ended {
		finish = engine.FinishStop
	}
	if a.text != text || a.Finish != finish {
		t.Errorf("after %d tokens: %q (%s), want %q (%s)", len(r.Prompt), a.text, a.Finish, text, finish)
	}
}

func TestEveryRoadLeadsToTheSameText(t *testing.T) {
	r := request("Once upon a time there was a box in the house", 60)
	roads := map[string]func(*testing.T) answer{
		"alone": func(t *testing.T) answer {
			return complete(t, enginetest.Start(t, enginetest.Options{}).Engine, r)
		},
		"in chunks of one row": func(t *testing.T) answer {
			o := enginetest.Options{Shape: engine.Shape{Seqs: 1, Rows: 1}}
			return complete(t, enginetest.Start(t, o).Engine, r)
		},
		"in a full batch":               func(t *testing.T) answer { return inAFullBatch(t, r, 4096) },
		"in fused steps":                func(t *testing.T) answer { return inAFullBatch(t, r, 4096, true) },
		"after pauses in a small cache": func(t *testing.T) answer { return inAFullBatch(t, r, 200) },
		"on a reused prefix":            func(t *testing.T) answer { return onAReusedPrefix(t, r) },
	}
	for name, road := range roads {
		t.Run(name, func(t *testing.T) { wantToy(t, road(t), r) })
	}
}

func inAFullBatch(t *testing.T, r engine.Request, cells int, fuse ...bool) answer {
	e := enginetest.Start(t, enginetest.Options{Shape: engine.Shape{Cells: cells, Fuse: len(fuse) > 0}}).Engine
	var wg sync.WaitGroup
	defer wg.Wait()
	for i := range 12 {
		wg.Go(func() {
			other := request(strings.Repeat("other ", i+1), 50)
			a, err := try(e, other)
			if err != nil {
				t.Error(err)
			}
			wantToy(t, a, other)
		})
	}
	return complete(t, e, r)
}

func onAReusedPrefix(t *testing.T, r engine.Request) answer {
	e := enginetest.Start(t, enginetest.Options{}).Engine
	first := request("Once upon a time there was", 5)
	complete(t, e, first)
	a := complete(t, e, r)
	if a.Usage.Cached != len(first.Prompt) {
		t.Errorf("%d cached tokens, want the whole first prompt: %d", a.Usage.Cached, len(first.Prompt))
	}
	return a
}

func TestPrefixesAreNotSharedBetweenPartitionsNorWhenRefused(t *testing.T) {
	e := enginetest.Start(t, enginetest.Options{}).Engine
	r := request("the same words", 5)
	r.Partition = "a"
	complete(t, e, r)
	r.Partition = "b"
	if a := complete(t, e, r); a.Usage.Cached != 0 {
		t.Errorf("%d tokens of another partition's prefix", a.Usage.Cached)
	}
	r.NoCache = true
	if a := complete(t, e, r); a.Usage.Cached != 0 {
		t.Errorf("%d cached tokens though it was refused", a.Usage.Cached)
	}
}

func TestUsageCounts(t *testing.T) {
	e := enginetest.Start(t, enginetest.Options{}).Engine
	a := complete(t, e, request("hello", 7))
	n := 0
	for _, c := range a.chunks {
		n += c.Tokens
	}
	if a.Usage.Prompt != 6 || a.Usage.Completion != n || n == 0 {
		t.Errorf("usage %+v, %d tokens came", a.Usage, n)
	}
}

func TestAStopStringEndsTheTextBeforeIt(t *testing.T) {
	e := enginetest.Start(t, enginetest.Options{}).Engine
	r := request("hello there", 40)
	full, _ := enginetest.Continue(r.Prompt, 40)
	r.Stop = []string{"not in it", full[10:13]}
	a := complete(t, e, r)
	if a.text != full[:strings.Index(full, full[10:13])] || a.Finish != engine.FinishStop || a.Stop != full[10:13] {
		t.Errorf("%q ended by %q at %q", a.text, a.Stop, a.Finish)
	}
}

func TestIgnoreEOSGoesOnToTheLimit(t *testing.T) {
	e := enginetest.Start(t, enginetest.Options{}).Engine
	r := request("hello", 500)
	r.IgnoreEOS = true
	if a := complete(t, e, r); a.Finish != engine.FinishLength || a.Usage.Completion != 500 {
		t.Errorf("ended by %s after %d tokens", a.Finish, a.Usage.Completion)
	}
}

func TestWithoutALimitAnAnswerEndsWithTheContext(t *testing.T) {
	e := enginetest.Start(t, enginetest.Options{Context: 100}).Engine
	r := request("hello", 0)
	r.IgnoreEOS = true
	if a := complete(t, e, r); a.Finish != engine.FinishLength || a.Usage.Prompt+a.Usage.Completion != 100 {
		t.Errorf("ended by %s with %+v", a.Finish, a.Usage)
	}
}

func TestWhatTheContextCannotHoldIsRefusedBeforeGeneration(t *testing.T) {
	rig := enginetest.Start(t, enginetest.Options{Context: 50})
	for _, r := range []engine.Request{request(strings.Repeat("x", 60), 1), request("hello", 45), request(strings.Repeat("x", 49), 0)} {
		_, err := rig.Submit(context.Background(), r)
		var too *engine.ContextError
		if !errors.As(err, &too) || too.Limit != 50 || too.Prompt != len(r.Prompt) || too.Completion != r.MaxTokens {
			t.Errorf("%d+%d tokens: %v", len(r.Prompt), r.MaxTokens, err)
		}
	}
	if steps, _ := rig.Toy.Steps(); steps != 0 {
		t.Errorf("%d steps were computed", steps)
	}
}

func TestAFullQueueRefusesWithATimeToComeBack(t *testing.T) {
	e := enginetest.Start(t, enginetest.Options{Shape: engine.Shape{Seqs: 1}, Queue: 2}).Engine
	var busy *engine.BusyError
	for range 20 {
		if _, err := e.Submit(context.Background(), forever("hi")); errors.As(err, &busy) {
			break
		}
	}
	if busy == nil || busy.RetryAfter < time.Second || busy.Waiting != 2 {
		t.Errorf("20 requests on one sequence and a queue of two: %+v", busy)
	}
	stop(t, e)
}

func TestRequestsThatBelongTogetherAreAdmittedInOrderOrNotAtAll(t *testing.T) {
	e := enginetest.Start(t, enginetest.Options{Queue: 3}).Engine
	var busy *engine.BusyError
	if _, err := e.SubmitAll(context.Background(), []engine.Request{forever("a"), forever("b"), forever("c"), forever("d")}); !errors.As(err, &busy) {
		t.Errorf("four requests for a queue of three: %v", err)
	}
	e = enginetest.Start(t, enginetest.Options{Queue: 3}).Engine // no place is promised to those refused
	long := request("the same prompt for three choices", 4)
	for range 20 {
		streams, err := e.SubmitAll(context.Background(), []engine.Request{long, long, long})
		if err != nil {
			t.Fatal(err)
		}
		var cached []int
		for _, s := range streams {
			a, err := read(s)
			if err != nil {
				t.Fatal(err)
			}
			cached = append(cached, a.Usage.Cached)
		}
		all := len(long.Prompt) - 1
		if cached[1] != all || cached[2] != all {
			t.Fatalf("the choices shared %d tokens, want %d for all but the first", cached, all)
		}
	}
}

func TestACancelledStreamFreesItsRowsWithinOneStep(t *testing.T) {
	steps := make(chan int)
	e := enginetest.Start(t, enginetest.Options{Before: func(n int, rows []engine.Row) error {
		steps <- len(rows)
		return nil
	}})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	kept, gone := forever("kept"), forever("gone")
	go e.Submit(context.Background(), kept)
	<-steps
	submitted := make(chan *engine.Stream, 1)
	go func() { s, _ := e.Submit(ctx, gone); submitted <- s }()
	for <-steps != 2 { // both decode
	}
	cancel()
	<-ctx.Done()
	(<-submitted).Close()
	<-steps // the step that was running
	if rows := <-steps; rows != 1 {
		t.Errorf("%d rows in the step after the cancellation, want the other's one", rows)
	}
	go func() {
		for range steps {
		}
	}()
	stop(t, e.Engine)
	close(steps)
}

func forever(prompt string) engine.Request {
	r := request(prompt, 0)
	r.IgnoreEOS = true
	return r
}

// stop ends the engine without waiting for its requests.
func stop(t *testing.T, e *engine.Engine) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	e.Close(ctx)
}

func TestTwoHundredCancelledRequestsLeaveNothing(t *testing.T) {
	rig := enginetest.Start(t, enginetest.Options{})
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() { cancelAfter(t, rig.Engine, i%7) })
	}
	wg.Wait()
	complete(t, rig.Engine, engine.Request{Prompt: tokens("x"), MaxTokens: 1, NoCache: true})
	wantIdle(t, rig)
}

// wantIdle waits until the loop has nothing to do, and looks for what was left behind.
func wantIdle(t *testing.T, rig *enginetest.Rig) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		load := rig.Load()
		if load.Running == 0 && load.Waiting == 0 && load.Cells.Held == 0 && rig.Toy.Cells() == load.Cells.Idle {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %+v, %d cells in memory", load, rig.Toy.Cells())
		}
	}
}

// cancelAfter reads n chunks and goes away.
func cancelAfter(t *testing.T, e *engine.Engine, n int) {
	s, err := e.Submit(context.Background(), forever("to be cancelled"))
	var busy *engine.BusyError
	if errors.As(err, &busy) {
		return
	}
	if err != nil {
		t.Error(err)
		return
	}
	defer s.Close()
	for range n {
		if _, err := s.Recv(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func TestRecvGivesUpWithItsContextAndTheStreamGoesOn(t *testing.T) {
	gate := make(chan struct{}, 1)
	e := enginetest.Start(t, enginetest.Options{Before: func(int, []engine.Row) error { <-gate; return nil }}).Engine
	r := request("hello", 4)
	s, err := e.Submit(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := s.Recv(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nothing came, and Recv says %v", err)
	}
	close(gate)
	a, err := read(s)
	if err != nil {
		t.Fatal(err)
	}
	wantToy(t, a, r)
}

func TestNoSlotPausesAndEveryAnswerIsWhole(t *testing.T) {
	o := enginetest.Options{Before: func(step int, rows []engine.Row) error {
		if step%3 == 0 && len(rows) > 1 {
			return engine.ErrNoSlot
		}
		return nil
	}}
	e := enginetest.Start(t, o).Engine
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			r := request(strings.Repeat("slot ", i+1), 30)
			a, err := try(e, r)
			if err != nil {
				t.Error(err)
			}
			wantToy(t, a, r)
		})
	}
	wg.Wait()
}

func TestAFatalStepEndsItsRequestsAndTheEngineLives(t *testing.T) {
	broken := errors.New("the device fell off the bus")
	o := enginetest.Options{Before: func(step int, _ []engine.Row) error {
		if step == 3 {
			return broken
		}
		return nil
	}}
	e := enginetest.Start(t, o).Engine
	if _, err := try(e, request("first", 50)); !errors.Is(err, engine.ErrFailed) || !errors.Is(err, broken) {
		t.Errorf("the request in the broken step ended with %v", err)
	}
	r := request("second", 20)
	wantToy(t, complete(t, e, r), r)
}

func TestARowOfNaNEndsItsRequestOnly(t *testing.T) {
	toy := enginetest.NewToy(t, engine.Shape{Cells: 1000, Seqs: 4, Rows: 16})
	e, err := engine.New(&poisoned{Toy: toy}, enginetest.Vocab{}, engine.Config{Limits: engine.Limits{Queue: 4}})
	if err != nil {
		t.Fatal(err)
	}
	defer enginetest.Close(t, e)
	if _, err := try(e, request("first", 50)); !errors.Is(err, engine.ErrFailed) || !errors.Is(err, sample.ErrNaN) {
		t.Errorf("ended with %v", err)
	}
	r := request("second", 20)
	wantToy(t, complete(t, e, r), r)
}

// poisoned spoils its third answer.
type poisoned struct {
	*enginetest.Toy
	n int
}

func (p *poisoned) Logits(row int) []float32 {
	l := p.Toy.Logits(row)
	if p.n++; p.n == 3 {
		for i := range l {
			l[i] = float32(math.NaN())
		}
	}
	return l
}

func TestCloseLetsRunningRequestsEnd(t *testing.T) {
	e := enginetest.Start(t, enginetest.Options{}).Engine
	r := request("hello", 40)
	s, err := e.Submit(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	e.Close(context.Background())
	a, err := read(s)
	if err != nil {
		t.Fatal(err)
	}
	wantToy(t, a, r)
	if _, err := e.Submit(context.Background(), r); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestCloseEndsWhatOutlastsItsContext(t *testing.T) {
	e := enginetest.Start(t, enginetest.Options{Before: func(int, []engine.Row) error { time.Sleep(time.Millisecond); return nil }}).Engine
	s, err := e.Submit(context.Background(), forever("hello"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	stop(t, e)
	if _, err := read(s); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("ended with %v", err)
	}
}

func TestLogprobsCoverEachToken(t *testing.T) {
	e := enginetest.Start(t, enginetest.Options{}).Engine
	r := request("hello", 10)
	r.Logprobs, r.TopLogprobs = true, 3
	a := complete(t, e, r)
	var lps []engine.TokenLogprob
	for _, c := range a.chunks {
		lps = append(lps, c.Logprobs...)
	}
	if len(lps) != len(a.text) {
		t.Fatalf("%d log-probabilities for %d tokens", len(lps), len(a.text))
	}
	for i, lp := range lps {
		if string(lp.Bytes) != a.text[i:i+1] || lp.Logprob > 0 || len(lp.Top) != 3 || lp.Top[0].Token != lp.Token {
			t.Errorf("token %d is %q: %+v", i, a.text[i], lp)
		}
	}
}

func TestASeedRepeatsTheText(t *testing.T) {
	e := enginetest.Start(t, enginetest.Options{}).Engine
	r := request("hello", 40)
	r.Sampling = sample.Params{Temperature: 1.8, Seed: 7}
	r.IgnoreEOS = true
	first, again := complete(t, e, r), complete(t, e, r)
	r.Sampling.Seed = 8
	other := complete(t, e, r)
	if first.text != again.text || first.text == other.text {
		t.Errorf("seed 7: %q and %q; seed 8: %q", first.text, again.text, other.text)
	}
}

// TestRandomTraffic sends requests of all kinds through a small cache: each that
// isn't cancelled gets the toy's own text, whatever pauses and reuses lie between.
func TestRandomTraffic(t *testing.T) {
	rig := enginetest.Start(t, enginetest.Options{Shape: engine.Shape{Cells: 300, Seqs: 5, Rows: 24}, Step: 7 * time.Millisecond, Queue: 500})
	var wg sync.WaitGroup
	for i := range 400 {
		wg.Go(func() { visit(t, rig.Engine, rand.New(rand.NewPCG(1, uint64(i)))) })
	}
	wg.Wait()
	wantIdle(t, rig)
}

func visit(t *testing.T, e *engine.Engine, r *rand.Rand) {
	req := request("conversation "+strings.Repeat("and so on ", r.IntN(20)), 1+r.IntN(40))
	if r.IntN(4) == 0 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.IntN(3))*time.Millisecond)
		defer cancel()
		if s, err := e.Submit(ctx, req); err == nil {
			defer s.Close()
			s.Recv(ctx)
		}
		return
	}
	a, err := try(e, req)
	if err != nil {
		t.Error(err)
		return
	}
	wantToy(t, a, req)
}
