package kvcache

import "fmt"

// run is a range of positions whose cells the same sequences share. A sequence is
// a chain of runs from its last one up to position 0, so a fork is one pointer.
type run struct {
	parent   *run // ends at from; nil when from is 0
	from, to Pos
	seqs     int // sequences whose chain goes through it
	running  int // of these, held by running requests
}

func (r *run) len() int { return int(r.to - r.from) }

// ledger counts cells exactly, also where sequences share them.
type ledger struct {
	cells      int
	held, idle int
	tails      []*run // last run of each sequence; nil: empty
	running    []bool // of each sequence
}

func newLedger(seqs, cells int) ledger {
	return ledger{cells: cells, tails: make([]*run, seqs), running: make([]bool, seqs)}
}

func (l *ledger) free() int { return l.cells - l.held - l.idle }

func (l *ledger) len(s SeqID) Pos {
	if l.tails[s] == nil {
		return 0
	}
	return l.tails[s].to
}

// change adds users to a run and moves its cells between free, idle and held.
func (l *ledger) change(r *run, seqs, running int) {
	l.count(r, -r.len())
	r.seqs += seqs
	r.running += running
	l.count(r, r.len())
}

func (l *ledger) count(r *run, cells int) {
	switch {
	case r.running > 0:
		l.held += cells
	case r.seqs > 0:
		l.idle += cells
	}
}

// changeAll changes all runs from r up to position 0.
func (l *ledger) changeAll(r *run, seqs, running int) {
	for ; r != nil; r = r.parent {
		l.change(r, seqs, running)
	}
}

// grow adds n cells at the end of a sequence.
func (l *ledger) grow(s SeqID, n int) {
	if n == 0 {
		return
	}
	if r := l.tails[s]; r != nil && r.seqs == 1 {
		l.count(r, n)
		r.to += Pos(n)
		return
	}
	at := l.len(s)
	r := &run{parent: l.tails[s], from: at, to: at + Pos(n)}
	l.tails[s] = r
	l.change(r, 1, l.weight(s))
}

// fork lets dst, which is empty, share the first n cells of src.
func (l *ledger) fork(src, dst SeqID, n Pos) {
	l.tails[dst] = upTo(l.tails[src], n)
	l.changeAll(l.tails[dst], 1, l.weight(dst))
}

// truncate takes a sequence out of the runs from n on.
func (l *ledger) truncate(s SeqID, n Pos) {
	stop := upTo(l.tails[s], n)
	for r := l.tails[s]; r != stop; r = r.parent {
		l.change(r, -1, -l.weight(s))
	}
	l.tails[s] = stop
}

// hold says whether a running request holds the sequence.
func (l *ledger) hold(s SeqID, running bool) {
	if l.running[s] == running {
		return
	}
	l.running[s] = running
	delta := -1
	if running {
		delta = 1
	}
	l.changeAll(l.tails[s], 0, delta)
}

// heldOf counts those of the sequence's first n cells that running requests hold.
func (l *ledger) heldOf(s SeqID, n Pos) (cells int) {
	for r := l.tails[s]; r != nil; r = r.parent {
		if r.running > 0 && r.from < n {
			cells += int(min(r.to, n) - r.from)
		}
	}
	return cells
}

func (l *ledger) weight(s SeqID) int {
	if l.running[s] {
		return 1
	}
	return 0
}

// upTo returns the run of a chain that ends at n, and splits one to get it.
func upTo(r *run, n Pos) *run {
	for r != nil && r.from >= n {
		r = r.parent
	}
	if r == nil || r.to <= n {
		return r
	}
	upper := *r
	upper.to = n
	r.from, r.parent = n, &upper
	return &upper
}

// check counts everything again.
func (l *ledger) check() error {
	seen, held, idle := l.recount()
	for r, want := range seen {
		if r.seqs != want.seqs || r.running != want.running {
			return fmt.Errorf("run [%d, %d) counts %d sequences, %d running; it has %d and %d", r.from, r.to, r.seqs, r.running, want.seqs, want.running)
		}
		if r.from >= r.to || (r.parent == nil && r.from != 0) || (r.parent != nil && r.parent.to != r.from) {
			return fmt.Errorf("run [%d, %d) does not continue its parent", r.from, r.to)
		}
	}
	if held != l.held || idle != l.idle || l.free() < 0 {
		return fmt.Errorf("%d cells held and %d idle of %d, recounted %d and %d", l.held, l.idle, l.cells, held, idle)
	}
	return nil
}

func (l *ledger) recount() (seen map[*run]*run, held, idle int) {
	seen = map[*run]*run{}
	for s, tail := range l.tails {
		for r := tail; r != nil; r = r.parent {
			if seen[r] == nil {
				seen[r] = &run{}
			}
			seen[r].seqs++
			seen[r].running += l.weight(SeqID(s))
		}
	}
	for r, n := range seen {
		if n.running > 0 {
			held += r.len()
		} else {
			idle += r.len()
		}
	}
	return seen, held, idle
}
