package kvcache

import (
	"errors"
	"testing"
)

// rig drives a cache over a shadow the way an engine does.
type rig struct {
	*testing.T
	c    Cache
	mem  *shadow
	jobs map[SeqID]Want
	done map[SeqID]int
}

func newRig(t *testing.T, make func(Size, Memory) Cache, size Size) *rig {
	mem := newShadow(size)
	return &rig{T: t, c: make(size, mem), mem: mem, jobs: map[SeqID]Want{}, done: map[SeqID]int{}}
}

// start opens a sequence for tokens, which are not computed yet.
func (r *rig) start(key Key, tokens ...Token) Opened {
	r.Helper()
	w := Want{key, tokens}
	o, err := r.c.Start(r.c.Match(w), len(tokens))
	r.must(err)
	r.jobs[o.Seq], r.done[o.Seq] = w, o.Len
	r.mem.running[o.Seq], r.mem.key[o.Seq] = true, key
	return o
}

// compute computes up to n of what the request wants.
func (r *rig) compute(id SeqID, n int) {
	r.Helper()
	w, more := r.jobs[id], r.jobs[id].Tokens[r.done[id]:n]
	r.must(r.c.Grow(id, more))
	r.mem.compute(id, w.Key, more)
	r.done[id] = n
}

// run starts a request and computes all of it.
func (r *rig) run(key Key, tokens ...Token) Opened {
	r.Helper()
	o := r.start(key, tokens...)
	r.compute(o.Seq, len(tokens))
	return o
}

func (r *rig) keep(o Opened) int {
	r.Helper()
	freed, err := r.c.Keep(o.Seq)
	r.must(err)
	r.mem.running[o.Seq] = false
	return freed
}

func (r *rig) drop(o Opened) int {
	r.Helper()
	r.mem.running[o.Seq] = false
	freed, err := r.c.Drop(o.Seq)
	r.must(err)
	return freed
}

// leave runs a request to its end and keeps it.
func (r *rig) leave(key Key, tokens ...Token) {
	r.Helper()
	r.keep(r.run(key, tokens...))
}

// store leaves a request's tokens in blobs alone.
func (r *rig) store(key Key, tokens ...Token) {
	r.Helper()
	r.leave(key, tokens...)
	r.c.Evict(r.mem.size.Cells)
}

// write ends all spills.
func (r *rig) write(err error) {
	for _, id := range r.mem.pending {
		r.mem.ended(id, err)
		r.c.Spilled(id, err)
	}
	r.mem.pending = nil
}

func (r *rig) failOn(faults ...string) {
	r.mem.fault = func(what string) bool {
		for _, f := range faults {
			if f == what {
				return true
			}
		}
		return false
	}
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) wantErr(got, want error) {
	r.Helper()
	if !errors.Is(got, want) {
		r.Fatalf("got error %v, want %v", got, want)
	}
}

func (r *rig) wantReady(key Key, want int, tokens ...Token) {
	r.Helper()
	if got := r.c.Look(Want{key, tokens}); got.Ready != want {
		r.Fatalf("found %+v, want %d ready", got, want)
	}
}

func (r *rig) wantFound(want, got Found) {
	r.Helper()
	if got != want {
		r.Fatalf("found %+v, want %+v", got, want)
	}
}

func (r *rig) wantCells(free, held, idle int) {
	r.Helper()
	if n := r.c.Count(); n.Free != free || n.Held != held || n.Idle != idle {
		r.Fatalf("count is %+v, want %d free, %d held, %d idle", n, free, held, idle)
	}
}

func (r *rig) wantInt(what string, got, want int) {
	r.Helper()
	if got != want {
		r.Fatalf("%s: got %d, want %d", what, got, want)
	}
}

// check ends every rule.
func (r *rig) check() {
	r.Helper()
	r.must(r.c.Check())
	r.must(r.mem.wrong)
	if got, want := r.c.Count(), r.mem.count(); got != want {
		r.Fatalf("%+v, the memory counts %+v", got, want)
	}
}

// rule is one promise of a cache.
type rule struct {
	rule string
	run  func(*rig)
}

func hold(t *testing.T, make func(Size, Memory) Cache, size Size, rules []rule) {
	for _, r := range rules {
		t.Run(r.rule, func(t *testing.T) {
			rig := newRig(t, make, size)
			r.run(rig)
			rig.check()
		})
	}
}

func toks(t ...Token) []Token { return t }

// count returns the tokens from, from+1 to to-1.
func count(from, to Token) (tokens []Token) {
	for ; from < to; from++ {
		tokens = append(tokens, from)
	}
	return tokens
}
