package store

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// meter tells how far something has come, in bytes.
type meter interface {
	io.Writer        // counts what is written
	set(n int64)     // says how much is there by now
	done(whole bool) // ends it; whole: all of it is there
}

// newMeter draws a bar on a terminal and writes lines elsewhere.
func newMeter(out io.Writer, label string, total int64) meter {
	if f, ok := out.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return newBar(out, label, total)
		}
	}
	fmt.Fprintf(out, "%s (%d MB)\n", label, total/1e6)
	return &lines{out: out, label: label, total: total}
}

// lines writes one line for each tenth.
type lines struct {
	out   io.Writer
	label string
	total int64
	n     int64
	tenth int64
}

func (l *lines) Write(b []byte) (int, error) {
	l.set(l.n + int64(len(b)))
	return len(b), nil
}

func (l *lines) set(n int64) {
	l.n = n
	if t := min(n*10/max(l.total, 1), 9); t > l.tenth {
		l.tenth = t
		fmt.Fprintf(l.out, "%s: %d %%\n", l.label, t*10)
	}
}

func (l *lines) done(whole bool) {
	if whole {
		fmt.Fprintf(l.out, "%s: done\n", l.label)
	}
}

// bar is one progress bar.
type bar struct {
	p *mpb.Progress
	b *mpb.Bar
}

func newBar(out io.Writer, label string, total int64) *bar {
	p := mpb.New(mpb.WithOutput(out), mpb.WithWidth(40), mpb.WithAutoRefresh())
	b := p.AddBar(0, // with a total from the start it would wait until all of it came
		mpb.PrependDecorators(decor.Name(label)),
		mpb.AppendDecorators(decor.CountersKiloByte("% .0f / % .0f"), decor.Name(" "), decor.Elapsed(decor.ET_STYLE_GO)))
	b.SetTotal(total, false)
	return &bar{p, b}
}

func (b *bar) Write(data []byte) (int, error) {
	b.b.IncrBy(len(data))
	return len(data), nil
}

func (b *bar) set(n int64) { b.b.SetCurrent(n) }

func (b *bar) done(whole bool) {
	if whole {
		b.b.SetTotal(-1, true) // what came is all there is
	} else {
		b.b.Abort(false)
	}
	b.p.Wait()
}

const watchEvery = 250 * time.Millisecond

// watch reports the size of the largest file below dir until stop is called:
// pip says nothing of its progress that could be relied on.
func watch(dir string, m meter) (stop func()) {
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				m.set(largest(dir))
			}
		}
	})
	return func() { close(quit); wg.Wait() }
}

// largest returns the bytes of the largest file below dir. pip may hold the
// same download twice, so a sum would be wrong.
func largest(dir string) (n int64) {
	filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil // files come and go while pip works
		}
		if info, err := e.Info(); err == nil {
			n = max(n, info.Size())
		}
		return nil
	})
	return n
}
