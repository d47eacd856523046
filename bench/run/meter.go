package run

import (
	"sync"
	"time"
)

// readEvery is how often the GPUs' memory is read in a turn.
const readEvery = 500 * time.Millisecond

// meter watches what a target uses.
type meter struct {
	pid   int
	gpu   func() (GPU, bool)
	quit  chan struct{}
	done  sync.WaitGroup
	first GPU
	known bool
	peak  int64
}

// meter starts watching a target; pid 0: of its process nothing is known.
func (r *runner) meter(pid int) *meter {
	m := &meter{pid: pid, gpu: r.GPU, quit: make(chan struct{})}
	if m.gpu == nil {
		return m
	}
	if m.first, m.known = m.gpu(); m.known {
		m.peak = m.first.Used
		m.done.Go(m.watch)
	}
	return m
}

func (m *meter) watch() {
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	for {
		select {
		case <-m.quit:
			return
		case <-tick.C:
			if now, ok := m.gpu(); ok {
				m.peak = max(m.peak, now.Used)
			}
		}
	}
}

// stop ends the watching and tells what was used.
func (m *meter) stop() Usage {
	close(m.quit)
	m.done.Wait()
	u := Usage{PeakRSS: peakRSS(m.pid)}
	if !m.known {
		return u
	}
	u.GPUMemory = m.peak
	if last, ok := m.gpu(); ok && last.Joules > 0 {
		u.GPUEnergy = last.Joules - m.first.Joules
	}
	return u
}
