package kvcache

import (
	"errors"
	"slices"
)

// machine uses a cache at random, as an engine would, over a shadow that knows
// what is really where. It knows nothing of how the cache finds or shares.
type machine struct {
	fatalf func(format string, args ...any)
	draw   func(what string, n int) int // 0 to n-1
	make   func(Size, Memory) Cache
	c      Cache
	mem    *shadow
	size   Size
	jobs   map[SeqID]*job
	open   []pinned
	fails  bool // the last operation met a fault
}

// pinned is a handle that wasn't released.
type pinned struct {
	h *Handle
	w Want
}

// job is a running request.
type job struct {
	key    Key
	tokens []Token // computed
	ahead  []Token // will be computed next
}

func newMachine(make func(Size, Memory) Cache, size Size) *machine {
	m := &machine{make: make, size: size, mem: newShadow(size), jobs: map[SeqID]*job{}}
	m.mem.fault = m.fault
	m.c = make(size, m.mem)
	return m
}

// fault lets the memory fail. What is pinned may be lost then.
func (m *machine) fault(what string) bool {
	if m.draw(what, 12) > 0 {
		return false
	}
	if m.fails = true; what == "lost" {
		m.open = nil
	}
	return true
}

func (m *machine) actions() map[string]func() {
	return map[string]func(){
		"look": m.look, "match": m.match, "release": m.release, "start": m.start, "start at once": m.startAtOnce,
		"grow": m.grow, "grow more": m.grow, "keep": m.keep, "drop": m.drop, "evict": m.evict, "spilled": m.spilled,
		"flush": m.flush, "restart": m.restart, "misuse": m.misuse,
	}
}

// look compares with everything that the shadow holds.
func (m *machine) look() {
	w := m.drawWant()
	before := m.c.Count()
	f := m.c.Look(w)
	m.must(m.c.Count() == before, "Look changed %+v to %+v", before, m.c.Count())
	m.must(f.Ready >= m.ready(w), "%d of %+v are ready, the memory has %d", f.Ready, w, m.ready(w))
	m.must(f.Ready <= max(len(w.Tokens)-1, 0) && f.Free <= f.Ready && f.Free >= 0, "found %+v of %+v", f, w)
	if f.Coming > 0 {
		j := m.jobs[f.Leader]
		m.must(j != nil && m.sees(w.Key, j.key) && f.Coming > f.Ready && f.Coming > len(j.tokens), "leader %+v of %+v", f, w)
		m.must(prefix(j.all(), w.Tokens) >= f.Coming, "%+v will compute other tokens than %+v", j, w)
	}
	m.must(max(f.Coming, f.Ready) >= m.coming(w), "found %+v of %+v, %d are coming", f, w, m.coming(w))
}

func (j *job) all() []Token { return append(slices.Clone(j.tokens), j.ahead...) }

func (m *machine) sees(key, owner Key) bool { return owner == key || owner == Public }

// ready searches what w may use: sequences, and without windows blobs.
func (m *machine) ready(w Want) (best int) {
	for id := range m.mem.seqs {
		if !m.sees(w.Key, m.mem.key[id]) || !m.shares() && m.mem.running[id] {
			continue
		}
		if n := m.found(w, m.mem.tokens(id)); n > best && m.mem.Reaches(id, Pos(n)) {
			best = n
		}
	}
	for _, b := range m.mem.blobs {
		if m.size.Window == 0 && m.sees(w.Key, b.key) {
			best = max(best, m.found(w, b.path))
		}
	}
	return best
}

// found returns how many of w's tokens could be used of some others.
func (m *machine) found(w Want, tokens []Token) int {
	return min(prefix(tokens, w.Tokens), max(len(w.Tokens)-1, 0))
}

// coming searches the running requests.
func (m *machine) coming(w Want) (best int) {
	if !m.shares() {
		return 0
	}
	for _, j := range m.jobs {
		if n := m.found(w, j.all()); m.sees(w.Key, j.key) && n > len(j.tokens) {
			best = max(best, n)
		}
	}
	return best
}

func (m *machine) shares() bool {
	_, shares := m.c.(*Radix)
	return shares
}

func (m *machine) match() {
	w := m.drawWant()
	m.open = append(m.open, pinned{m.c.Match(w), w})
}

func (m *machine) take() pinned {
	if len(m.open) == 0 {
		return pinned{h: &Handle{}}
	}
	i := m.draw("handle", len(m.open))
	p := m.open[i]
	m.open = slices.Delete(m.open, i, i+1)
	return p
}

func (m *machine) release() {
	p := m.take()
	p.h.Release()
	p.h.Release()
}

func (m *machine) start() {
	p := m.take()
	m.startOn(p.h, p.w)
}

func (m *machine) startAtOnce() {
	w := m.drawWant()
	m.startOn(m.c.Match(w), w)
}

// startOn checks that what Start calls computed lies in the sequence it names,
// that it can be continued, that it is the request's to see, and where it came from.
func (m *machine) startOn(h *Handle, w Want) {
	keep := m.draw("keep", 14)
	if keep > 9 {
		keep = 99
	}
	before, found := m.c.Count(), m.c.Look(w)
	o, err := m.c.Start(h, keep)
	if err != nil {
		m.must(errors.Is(err, ErrNoSeq) && before.Seqs == 0, "Start with %+v: %v", before, err)
		return
	}
	m.must(o.Seq >= 0 && int(o.Seq) < m.size.Seqs && m.jobs[o.Seq] == nil, "opened %+v, which is held", o)
	m.must(o.Len <= min(keep, max(len(w.Tokens)-1, 0)) && slices.Equal(m.mem.tokens(o.Seq), w.Tokens[:o.Len]), "opened %+v for %+v, it holds %v", o, w, m.mem.tokens(o.Seq))
	m.must(o.Len == 0 || m.mem.Reaches(o.Seq, Pos(o.Len)), "opened %+v, which can't be continued", o)
	for _, c := range m.mem.at(o.Seq).cells {
		m.must(m.sees(w.Key, c.owner), "cells of %q were opened for %q", c.owner, w.Key)
	}
	m.jobs[o.Seq] = &job{w.Key, slices.Clone(w.Tokens[:o.Len]), slices.Clone(w.Tokens[o.Len:])}
	m.mem.running[o.Seq], m.mem.key[o.Seq] = true, w.Key
	m.checkOpened(o, before, found, keep)
}

func (m *machine) checkOpened(o Opened, before Count, f Found, keep int) {
	held, _ := m.mem.counts()
	m.must(o.Cells == held-before.Held, "opened %+v, %d cells more are held", o, held-before.Held)
	m.must(o.Shared+o.RAM+o.Disk == o.Len && o.Shared >= 0 && o.RAM >= 0 && o.Disk >= 0, "opened %+v from elsewhere", o)
	if m.fails || keep < f.Ready || before.Free+before.Idle < f.Ready-f.Free {
		return
	}
	m.must(o.Len == f.Ready && o.Cells == f.Ready-f.Free, "opened %+v, Look had promised %+v", o, f)
}

func (m *machine) grow() {
	id, j := m.pick()
	if j == nil {
		return
	}
	more := j.ahead[:m.draw("ahead", len(j.ahead)+1)]
	if len(j.ahead) == 0 || m.draw("elsewhere", 8) == 0 {
		more = m.drawTokens(4)
	}
	left := m.c.Count().Free
	if len(more) > left {
		m.must(errors.Is(m.c.Grow(id, more), ErrNoCells), "grown by %d of %d cells", len(more), left)
		return
	}
	m.mem.compute(id, j.key, more)
	err := m.c.Grow(id, more)
	m.must(err == nil, "grow by %d of %d cells: %v", len(more), left, err)
	j.tokens = append(j.tokens, more...)
	if n := min(len(more), len(j.ahead)); slices.Equal(more[:n], j.ahead[:n]) {
		j.ahead = j.ahead[n:]
	} else {
		j.ahead = nil
	}
}

func (m *machine) keep() {
	id, j := m.pick()
	if j == nil {
		return
	}
	before := m.c.Count()
	freed, err := m.c.Keep(id)
	m.mem.running[id] = false
	delete(m.jobs, id)
	m.must(err == nil && before.Held-freed == m.c.Count().Held, "kept: %d freed of %+v, now %+v: %v", freed, before, m.c.Count(), err)
	m.must(slices.Equal(m.mem.tokens(id), j.tokens), "kept %+v, the sequence holds %v", j, m.mem.tokens(id))
}

func (m *machine) drop() {
	id, j := m.pick()
	if j == nil {
		return
	}
	before := m.c.Count()
	m.mem.running[id] = false
	delete(m.jobs, id)
	freed, err := m.c.Drop(id)
	m.must(err == nil && before.Held-freed == m.c.Count().Held, "dropped: %d freed of %+v, now %+v: %v", freed, before, m.c.Count(), err)
	m.must(len(m.mem.tokens(id)) == 0, "%d was dropped and holds %v", id, m.mem.tokens(id))
}

func (m *machine) evict() {
	want := m.draw("cells", m.size.Cells+2)
	before := m.c.Count()
	freed := m.c.Evict(want)
	after := m.c.Count()
	m.must(after.Free-before.Free == freed && after.Held == before.Held, "%d evicted of %+v, now %+v", freed, before, after)
	m.must(before.Free < want || freed == 0, "%d evicted for %d cells with %+v", freed, want, before)
	m.must(after.Free >= want || after.Idle == 0, "%+v after asking for %d cells", after, want)
}

// spilled ends one spill, in any order, also one of a blob that was forgotten.
func (m *machine) spilled() {
	if len(m.mem.pending) == 0 {
		m.c.Spilled(BlobID(m.draw("unknown blob", 1000)+1_000_000), nil)
		return
	}
	i := m.draw("spill", len(m.mem.pending))
	id := m.mem.pending[i]
	m.mem.pending = slices.Delete(m.mem.pending, i, i+1)
	var err error
	if m.draw("spill fails", 5) == 0 {
		err = errFault
	}
	m.mem.ended(id, err)
	m.c.Spilled(id, err)
}

func (m *machine) flush() {
	if m.draw("flush", 6) == 0 {
		m.c.Flush()
	}
}

// restart keeps what is on disk, and some of it is gone.
func (m *machine) restart() {
	if m.draw("restart", 30) != 0 {
		return
	}
	old := m.mem
	m.mem, m.jobs, m.open = newShadow(m.size), map[SeqID]*job{}, nil
	m.mem.cutless, m.mem.next, m.mem.fault = old.cutless, old.next, m.fault
	m.c = m.make(m.size, m.mem)
	for _, id := range old.onDisk() {
		b := old.blobs[id]
		if m.draw("gone", 5) > 0 && m.c.Adopt(Entry{b.key, b.path, b.from}, Blob{id, b.bytes, b.whole}) {
			m.mem.blobs[id] = b
		}
	}
}

func (m *machine) misuse() {
	id := []SeqID{-1, 255, SeqID(m.size.Seqs), SeqID(m.draw("seq", m.size.Seqs))}[m.draw("misuse", 4)]
	if m.jobs[id] != nil {
		return
	}
	_, kept := m.c.Keep(id)
	_, dropped := m.c.Drop(id)
	for _, err := range []error{m.c.Grow(id, []Token{1}), kept, dropped} {
		m.must(errors.Is(err, ErrNotHeld), "use of %d, which isn't held: %v", id, err)
	}
}

// check runs after every action.
func (m *machine) check() {
	err := m.c.Check()
	m.must(err == nil, "%v", err)
	m.must(m.mem.wrong == nil, "%v", m.mem.wrong)
	m.must(m.c.Count() == m.mem.count(), "%+v, the memory counts %+v", m.c.Count(), m.mem.count())
	for _, p := range m.open {
		m.must(p.h.Len() <= m.stored(p.w), "%d tokens of %+v are pinned, %d are stored", p.h.Len(), p.w, m.stored(p.w))
	}
	m.fails = false
}

// stored returns how many tokens of w lie in blobs.
func (m *machine) stored(w Want) (best int) {
	for _, b := range m.mem.blobs {
		best = max(best, m.found(w, b.path))
	}
	return best
}

func (m *machine) must(ok bool, format string, args ...any) {
	if !ok {
		m.fatalf(format, args...)
	}
}

// pick draws any sequence; nil unless a request holds it.
func (m *machine) pick() (SeqID, *job) {
	id := SeqID(m.draw("seq", m.size.Seqs))
	return id, m.jobs[id]
}

func (m *machine) drawWant() Want {
	key := []Key{"a", "b", Public}[m.draw("key", 3)]
	tokens := m.drawTokens(14)
	if len(m.jobs) > 0 && m.draw("follow", 3) == 0 {
		if _, j := m.pick(); j != nil {
			tokens = append(j.all(), tokens[:len(tokens)/2]...)
		}
	}
	return Want{key, tokens}
}

// drawTokens draws from two tokens, and mostly 1, so that prefixes meet often.
func (m *machine) drawTokens(most int) []Token {
	tokens := make([]Token, m.draw("tokens", most))
	for i := range tokens {
		tokens[i] = 1 + Token(m.draw("token", 4))/3
	}
	return tokens
}

func prefix(a, b []Token) (n int) {
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}
