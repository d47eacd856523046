package kernel

import (
	"sync"
	"time"

	"github.com/moltbot/moltbot/engine"
)

// Meter is a Backend that times another one, and holds it back between
// measurements: a step that comes then is answered with engine.ErrAborted, on
// which the engine hears what else has come and tries again.
type Meter struct {
	engine.Backend

	mu     sync.Mutex
	held   bool
	began  chan time.Time // told once, by the first step after open
	window *window        // what is measured; nil: nothing more than began
	timed  bool           // the window wants the time of this step's first Logits
}

// NewMeter wraps a backend, which it owns from then on.
func NewMeter(b engine.Backend) *Meter { return &Meter{Backend: b} }

// holdPause keeps an engine that is held back from spinning.
const holdPause = 200 * time.Microsecond

// hold lets no step through until open.
func (m *Meter) hold() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held, m.window = true, nil
}

// open lets steps through, and w see them. When the first one begins is sent.
func (m *Meter) open(w *window) (began <-chan time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held, m.window = false, w
	m.began = make(chan time.Time, 1)
	return m.began
}

// Shape implements engine.Backend. Rows that fill up a pass of the kernels count
// as work like any other, or the engine would fill them with drafts.
func (m *Meter) Shape() engine.Shape {
	s := m.Backend.Shape()
	s.Align = 1
	return s
}

// Decode implements engine.Backend.
func (m *Meter) Decode(rows []engine.Row) error {
	if !m.enter(rows, time.Now()) {
		time.Sleep(holdPause)
		return engine.ErrAborted
	}
	began := time.Now()
	err := m.Backend.Decode(rows)
	m.leave(time.Since(began))
	return err
}

// enter tells whether the step may be computed.
func (m *Meter) enter(rows []engine.Row, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held {
		return false
	}
	select {
	case m.began <- now:
	default: // not the first
	}
	m.timed = false
	if m.window != nil {
		m.timed, m.held = m.window.enter(rows, now)
	}
	return !m.held
}

func (m *Meter) leave(took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.timed {
		m.window.span.inside += took
	}
}

// Logits implements engine.Backend. On a GPU the first call of a step waits for
// what Decode began: that is computing too.
func (m *Meter) Logits(row int) []float32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.timed {
		return m.Backend.Logits(row)
	}
	began := time.Now()
	logits := m.Backend.Logits(row)
	m.window.span.inside += time.Since(began)
	m.timed = false
	return logits
}

// Abort implements engine.Aborter.
func (m *Meter) Abort() {
	if a, ok := m.Backend.(engine.Aborter); ok {
		a.Abort()
	}
}

// span is how long steps took, and how much of it was spent computing.
type span struct{ wall, inside time.Duration }

// window measures consecutive full steps; one that isn't full begins it anew.
// It lasts from the beginning of the first to
// the beginning of the one after the last, so that each has its plan, its
// sampling and its delivery.
type window struct {
	batch, prompt int
	steps         int
	left          int // steps to come
	began         time.Time
	span          span
	done          chan span // gets the measurement, once
}

func newWindow(batch, prompt, steps int) *window {
	return &window{batch: batch, prompt: prompt, steps: steps, left: steps, done: make(chan span, 1)}
}

// enter hears that a step begins; timed: it counts; over: it is not needed any more.
func (w *window) enter(rows []engine.Row, now time.Time) (timed, over bool) {
	if !w.began.IsZero() && w.left == 0 {
		w.span.wall = now.Sub(w.began)
		w.done <- w.span
		return false, true
	}
	if !w.full(rows) {
		w.began, w.left, w.span = time.Time{}, w.steps, span{}
		return false, false
	}
	if w.began.IsZero() {
		w.began = now
	}
	w.left--
	return true, false
}

// full: each sequence has one row, after its prompt.
func (w *window) full(rows []engine.Row) bool {
	for _, r := range rows {
		if !r.Output || int(r.Pos) < w.prompt {
			return false
		}
	}
	return len(rows) == w.batch
}
