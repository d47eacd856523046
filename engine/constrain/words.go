package constrain

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
)

// llguidance reads words (lexemes), the longest that can be, and then sentences of
// words. A grammar over characters must be cut into words such that the longest
// word is always the right one, or it would be left with texts that it can't end.
// words finds such a cut: what needs no recursion is one word at first; a word that
// could swallow the start of what may follow is cut into its parts, down to
// characters, where no cut can be wrong.
type words struct {
	rules   *rules
	regular map[string]bool // rules that need no recursion
	cut     map[*expr]bool
	work    int // left

	overlaps map[[2]*expr]bool // see overlap

	list    []*word
	of      map[*expr]*word
	phrases map[string]*phrase // of the rules that are no words
	order   []string           // the same, as found

	nullable map[string]bool
	first    map[string]bitset
	follow   map[string]bitset
}

// word is an expression that is read as one lexeme.
type word struct {
	id    int
	expr  *expr
	auto  *automaton
	after bitset // words that may follow
}

// phrase is an expression over words.
type phrase struct {
	op    op // opChar: a word
	word  *word
	parts []*phrase
	ref   string
	min   int
	max   int
}

const (
	maxCuts     = 300
	maxCompares = 20_000_000
)

// cutWords returns a cut that reads every text of the grammar, and nothing else.
func cutWords(r *rules) (*words, error) {
	w := &words{rules: r, regular: regularRules(r), cut: map[*expr]bool{}, work: maxCompares, overlaps: map[[2]*expr]bool{}}
	for range maxCuts {
		if err := w.read(); err != nil {
			return nil, err
		}
		wrong := w.conflict()
		if w.work < 0 {
			break
		}
		if wrong == nil {
			return w, nil
		}
		w.cut[wrong.expr] = true
	}
	return nil, errors.New("it is too involved to be cut into words: make its rules simpler")
}

// regularRules are the rules that don't lead back to themselves, nor to one that does.
func regularRules(r *rules) map[string]bool {
	regular := map[string]bool{}
	for grew := true; grew; {
		grew = false
		for _, name := range r.names {
			if !regular[name] && r.body[name].needsOnly(regular) {
				regular[name], grew = true, true
			}
		}
	}
	return regular
}

func (e *expr) needsOnly(rules map[string]bool) bool {
	if e.op == opRef {
		return rules[e.ref]
	}
	for _, p := range e.parts {
		if !p.needsOnly(rules) {
			return false
		}
	}
	return true
}

// read builds the phrases of all rules that are reached, and what may follow what.
func (w *words) read() error {
	w.list, w.of, w.phrases, w.order = nil, map[*expr]*word{}, map[string]*phrase{}, nil
	if _, err := w.rule("root"); err != nil {
		return err
	}
	w.findFirst()
	w.findFollow()
	return nil
}

func (w *words) rule(name string) (*phrase, error) {
	ref := &phrase{op: opRef, ref: name}
	if _, known := w.phrases[name]; known {
		return ref, nil
	}
	w.phrases[name] = nil
	w.order = append(w.order, name)
	p, err := w.phrase(w.rules.body[name])
	w.phrases[name] = p
	return ref, err
}

func (w *words) phrase(e *expr) (*phrase, error) {
	body, name := e, ""
	for body.op == opRef {
		name = body.ref
		body = w.rules.body[name]
		if !w.regular[name] {
			return w.rule(e.ref)
		}
	}
	if body.needsOnly(w.regular) && !w.cut[body] {
		if p, err := w.word(body); p != nil || err != nil {
			return p, err
		}
	}
	if name != "" {
		return w.rule(name)
	}
	p := &phrase{op: body.op, min: body.min, max: body.max}
	for _, part := range body.parts {
		sub, err := w.phrase(part)
		if err != nil {
			return nil, err
		}
		p.parts = append(p.parts, sub)
	}
	return p, nil
}

// word makes e one word; nil when e is too long for one, and has parts.
func (w *words) word(e *expr) (*phrase, error) {
	known := w.of[e]
	if known == nil {
		auto := newAutomaton(w.rules, e)
		if auto == nil {
			w.cut[e] = true
			return nil, nil
		}
		if len(auto.sets) == 0 {
			return &phrase{op: opSeq}, nil
		}
		known = &word{id: len(w.list), expr: e, auto: auto}
		w.of[e] = known
		w.list = append(w.list, known)
	}
	p := &phrase{op: opChar, word: known}
	if known.auto.nullable {
		return &phrase{op: opRepeat, parts: []*phrase{p}, max: 1}, nil
	}
	return p, nil
}

// conflict finds a word to cut: one that goes on where a shorter one, which may
// stand in the same place, ends and something may follow; nil when there is none.
func (w *words) conflict() *word {
	judged := map[[2]int]bool{}
	for _, place := range w.places() {
		for i := range place.each() {
			for j := range place.each() {
				if pair := [2]int{i, j}; !judged[pair] {
					judged[pair] = true
					if w.swallows(w.list[i], w.list[j]) {
						return w.list[j]
					}
				}
			}
		}
	}
	return nil
}

// places are the sets of words that may stand at one place of a text. Words that
// read the same text lead to one place, which has what may follow any of them.
func (w *words) places() []bitset {
	list := []bitset{w.first["root"]}
	seen := map[string]bool{}
	for n := 0; n < len(list) && w.work > 0; n++ {
		for i := range list[n].each() {
			var next bitset
			for j := range list[n].each() {
				if w.overlap(w.list[i], w.list[j]) {
					next = next.with(w.list[j].after)
				}
			}
			w.work -= len(next)
			if key := fmt.Sprint(next); !seen[key] {
				seen[key] = true
				list = append(list, next)
			}
		}
	}
	return list
}

// overlap tells whether some text is a whole word by both.
func (w *words) overlap(a, b *word) bool {
	pair := [2]*expr{a.expr, b.expr}
	both, known := w.overlaps[pair]
	if !known {
		a.auto.along(b.auto, &w.work, func(p, q int) bool {
			both = both || a.auto.last[p] && b.auto.last[q]
			return !both
		})
		w.overlaps[pair] = both
	}
	return both
}

// swallows tells whether the long word may go on, after a text that is a whole
// short word, with a character that may follow the short one.
func (w *words) swallows(short, long *word) bool {
	var next charset
	for i := range short.after.each() {
		a := w.list[i].auto
		for _, p := range a.first {
			next = append(next, a.sets[p]...)
		}
	}
	if next = next.normal(); len(next) == 0 {
		return false
	}
	found := false
	short.auto.along(long.auto, &w.work, func(p, q int) bool {
		if short.auto.last[p] {
			for _, r := range long.auto.follow[q] {
				found = found || long.auto.sets[r].meets(next)
			}
		}
		return !found
	})
	return found
}

// findFirst finds which rules may be empty and which words a rule may start with.
func (w *words) findFirst() {
	w.nullable, w.first = map[string]bool{}, map[string]bitset{}
	for grew := true; grew; {
		grew = false
		for _, name := range w.order {
			p := w.phrases[name]
			if !w.nullable[name] && w.empty(p) {
				w.nullable[name], grew = true, true
			}
			set := w.first[name].with(w.firsts(p))
			if !set.equal(w.first[name]) {
				w.first[name], grew = set, true
			}
		}
	}
}

func (w *words) empty(p *phrase) bool {
	switch p.op {
	case opChar:
		return false
	case opRef:
		return w.nullable[p.ref]
	case opRepeat:
		return p.min == 0 || w.empty(p.parts[0])
	}
	for _, part := range p.parts {
		if w.empty(part) == (p.op == opAlt) {
			return p.op == opAlt
		}
	}
	return p.op == opSeq
}

func (w *words) firsts(p *phrase) bitset {
	switch p.op {
	case opChar:
		return bitset{}.and(p.word.id)
	case opRef:
		return w.first[p.ref]
	}
	var set bitset
	for _, part := range p.parts {
		set = set.with(w.firsts(part))
		if p.op == opSeq && !w.empty(part) {
			break
		}
	}
	return set
}

// findFollow finds which words may follow each word.
func (w *words) findFollow() {
	w.follow = map[string]bitset{}
	for grew := true; grew; {
		grew = false
		for _, name := range w.order {
			grew = w.flow(w.phrases[name], w.follow[name]) || grew
		}
	}
}

// flow notes that what is in after may follow p; it tells whether that was news.
func (w *words) flow(p *phrase, after bitset) (grew bool) {
	switch p.op {
	case opChar:
		set := p.word.after.with(after)
		grew = !set.equal(p.word.after)
		p.word.after = set
	case opRef:
		set := w.follow[p.ref].with(after)
		grew = !set.equal(w.follow[p.ref])
		w.follow[p.ref] = set
	case opAlt:
		for _, part := range p.parts {
			grew = w.flow(part, after) || grew
		}
	case opRepeat:
		if p.max != 1 {
			after = after.with(w.firsts(p.parts[0]))
		}
		grew = w.flow(p.parts[0], after)
	case opSeq:
		for i := len(p.parts) - 1; i >= 0; i-- {
			grew = w.flow(p.parts[i], after) || grew
			if !w.empty(p.parts[i]) {
				after = nil
			}
			after = after.with(w.firsts(p.parts[i]))
		}
	}
	return grew
}

// bitset is a set of small numbers; sets are never changed.
type bitset []uint64

func (b bitset) and(i int) bitset {
	one := make(bitset, i/64+1)
	one[i/64] = 1 << (i % 64)
	return b.with(one)
}

func (b bitset) with(c bitset) bitset {
	if len(c) == 0 {
		return b
	}
	out := make(bitset, max(len(b), len(c)))
	copy(out, b)
	for i, v := range c {
		out[i] |= v
	}
	return out
}

// equal compares sets that only grow, so that their lengths tell them apart first.
func (b bitset) equal(c bitset) bool { return slices.Equal(b, c) }

// each yields the members.
func (b bitset) each() func(func(int) bool) {
	return func(yield func(int) bool) {
		for i, v := range b {
			for ; v != 0; v &= v - 1 {
				if !yield(i*64 + bits.TrailingZeros64(v)) {
					return
				}
			}
		}
	}
}
