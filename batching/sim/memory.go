package sim

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/moltbot/moltbot/batching"
)

// memory counts who holds each cell, and knows which prefixes are kept in RAM.
type memory struct {
	refs []int // sequences that hold a cell, by its number
	free []int // cells that nobody holds
	kept []prefix
	most int
}

// prefix is so many tokens that can come back without being computed.
type prefix struct {
	name   string // of a family, or of a paused request
	tokens int
}

func newMemory(cells, kept int) memory {
	m := memory{refs: make([]int, cells), most: kept}
	for c := range cells {
		m.free = append(m.free, c)
	}
	return m
}

// own is the name of what a request keeps for itself.
func (q *live) own() string { return "request " + strconv.Itoa(int(q.id)) }

// keep remembers a prefix, and forgets the one unused for longest where there are too many.
func (m *memory) keep(name string, tokens int) {
	if m.most == 0 || name == "" || tokens == 0 {
		return
	}
	tokens = max(tokens, m.find(name))
	m.forget(name)
	m.kept = append(m.kept, prefix{name, tokens})
	m.kept = m.kept[max(0, len(m.kept)-m.most):]
}

func (m *memory) forget(name string) {
	m.kept = slices.DeleteFunc(m.kept, func(p prefix) bool { return p.name == name })
}

func (m *memory) find(name string) int {
	for _, p := range m.kept {
		if p.name == name {
			return p.tokens
		}
	}
	return 0
}

// take gives q cells for n tokens more.
func (m *memory) take(q *live, n int) {
	fresh := m.free[len(m.free)-n:]
	m.free = m.free[:len(m.free)-n]
	for _, c := range fresh {
		m.refs[c] = 1
	}
	q.cells = append(q.cells, fresh...)
}

// fork lets q share the first n cells of another.
func (m *memory) fork(q, source *live, n int) {
	for _, c := range source.cells[:n] {
		m.refs[c]++
	}
	q.cells = append(q.cells, source.cells[:n]...)
}

// shrink leaves q n cells and returns how many are free by it.
func (m *memory) shrink(q *live, n int) (freed int) {
	for _, c := range q.cells[n:] {
		if m.refs[c]--; m.refs[c] == 0 {
			m.free = append(m.free, c)
			freed++
		}
	}
	q.cells = q.cells[:n]
	return freed
}

// check compares the counts with the sequences.
func (m *memory) check(all map[batching.ReqID]*live) error {
	held := 0
	for _, q := range all {
		held += len(q.cells)
	}
	for c, n := range m.refs {
		if held -= n; n < 0 {
			return fmt.Errorf("sim: cell %d is held %d times", c, n)
		}
	}
	if held != 0 {
		return fmt.Errorf("sim: sequences and cells differ by %d", held)
	}
	return nil
}

func (r *run) room() batching.Room {
	running, _ := r.sched.Load()
	return batching.Room{Cells: len(r.free), Seqs: r.Limits.Seqs - running}
}

// found returns what is there of the tokens of q, and the running request that
// has it; nil: RAM has it.
func (r *run) found(q *live) (p batching.Prefix, source *live) {
	for id, l := range r.live {
		if !l.runs || q.Family == "" || l.Family != q.Family {
			continue
		}
		common := min(q.Shared, l.Shared)
		if n := min(common, len(l.cells)); n > p.Ready {
			p.Ready, p.Free, source = n, n, l
		}
		if common > p.Coming || common == p.Coming && id < p.Leader {
			p.Coming, p.Leader = common, id
		}
	}
	if n := max(min(q.Shared, r.find(q.Family)), r.find(q.own())); n > p.Ready {
		p.Ready, p.Free, source = n, 0, nil
	}
	if p.Coming <= p.Ready || r.Crowd {
		p.Coming = 0
	}
	return p, source
}

// Look implements batching.Effects.
func (r *run) Look(id batching.ReqID) batching.Prefix {
	p, _ := r.found(r.live[id])
	return p
}

// Start implements batching.Effects.
func (r *run) Start(id batching.ReqID) batching.Started {
	q := r.live[id]
	p, source := r.found(q)
	if q.runs = true; !q.begun {
		q.begun, q.Cached = true, p.Ready
	}
	if source != nil {
		r.fork(q, source, p.Ready)
		return batching.Started{Computed: p.Ready}
	}
	n := min(p.Ready, len(r.free))
	r.take(q, n)
	return batching.Started{Computed: n, Cells: n}
}

// Pause implements batching.Effects.
func (r *run) Pause(id batching.ReqID) (freed int) {
	q := r.live[id]
	q.runs = false
	r.keep(q.own(), len(q.cells))
	return r.shrink(q, 0)
}

// Propose implements batching.Effects: all that is asked for, where the arrival guesses at all.
func (r *run) Propose(id batching.ReqID, most int) (n, agree int) {
	if r.live[id].Guess == 0 {
		return 0, 0
	}
	return most, 1
}
