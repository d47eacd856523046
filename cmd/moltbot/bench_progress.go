package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/moltbot/moltbot/bench/load"
	benchrun "github.com/moltbot/moltbot/bench/run"
)

// benchWatcher is a benchrun.Watcher that ends.
type benchWatcher interface {
	benchrun.Watcher
	end()
}

// newBenchWatcher draws a bar on a terminal and writes a line per turn elsewhere.
func newBenchWatcher(w io.Writer, turns int) benchWatcher {
	if f, ok := w.(*os.File); ok && isTerminal(f) {
		return newBenchBar(w, turns)
	}
	return &benchLines{w: w}
}

// benchLines writes one line for each turn.
type benchLines struct{ w io.Writer }

func (l *benchLines) Turn(c benchrun.Case, target string, round int) {
	fmt.Fprintf(l.w, "%s, round %d: %s\n", c.Workload.Name, round+1, target)
}
func (*benchLines) Record(load.Record) {}
func (*benchLines) end()               {}

// benchBar is a bar over all turns; beside it the turn and its requests so far.
type benchBar struct {
	progress *mpb.Progress
	bar      *mpb.Bar
	requests atomic.Int64

	mu   sync.Mutex
	turn string
	n    int64 // turns begun
}

func newBenchBar(w io.Writer, turns int) *benchBar {
	b := &benchBar{progress: mpb.New(mpb.WithOutput(w), mpb.WithWidth(40), mpb.WithAutoRefresh())}
	b.bar = b.progress.AddBar(0, // with a total from the start it would wait until all of it came
		mpb.PrependDecorators(decor.Any(b.says)),
		mpb.AppendDecorators(decor.CountersNoUnit("%d / %d turns "), decor.Elapsed(decor.ET_STYLE_GO)))
	b.bar.SetTotal(int64(turns), false)
	return b
}

func (b *benchBar) says(decor.Statistics) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.n == 0 {
		return "starting "
	}
	return fmt.Sprintf("%s, %d requests ", b.turn, b.requests.Load())
}

func (b *benchBar) Turn(c benchrun.Case, target string, round int) {
	b.mu.Lock()
	b.turn = fmt.Sprintf("%s, round %d: %s", c.Workload.Name, round+1, target)
	b.n++
	begun := b.n
	b.mu.Unlock()
	b.requests.Store(0)
	b.bar.SetCurrent(begun - 1)
}

func (b *benchBar) Record(load.Record) { b.requests.Add(1) }

func (b *benchBar) end() {
	b.bar.Abort(true)
	b.progress.Wait()
}
