package constrain

// automaton reads one word: positions are the characters of its expression, and
// a text is read by walking from position to position. Source: Glushkov, The
// abstract theory of automata, 1961.
type automaton struct {
	nullable bool
	first    []int
	last     []bool    // by position
	follow   [][]int   // by position
	sets     []charset // by position
}

const maxPositions = 1500 // of one word

// newAutomaton returns nil when the expression has too many positions.
func newAutomaton(r *rules, e *expr) *automaton {
	b := &builder{rules: r}
	f := b.build(e)
	if b.full {
		return nil
	}
	a := &automaton{nullable: f.nullable, first: f.first, last: make([]bool, len(b.sets)), follow: b.follow, sets: b.sets}
	for _, p := range f.last {
		a.last[p] = true
	}
	return a
}

// along visits the pairs of positions at which both automata can be after the same
// text, until visit says no or the work is used up.
func (a *automaton) along(b *automaton, work *int, visit func(p, q int) bool) {
	seen := map[[2]int]bool{}
	var todo [][2]int
	push := func(ps, qs []int) {
		for _, p := range ps {
			for _, q := range qs {
				*work--
				if pair := [2]int{p, q}; !seen[pair] && a.sets[p].meets(b.sets[q]) {
					seen[pair] = true
					todo = append(todo, pair)
				}
			}
		}
	}
	push(a.first, b.first)
	for len(todo) > 0 && *work > 0 {
		pair := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !visit(pair[0], pair[1]) {
			return
		}
		push(a.follow[pair[0]], b.follow[pair[1]])
	}
}

// builder makes positions.
type builder struct {
	rules  *rules
	sets   []charset
	follow [][]int
	edges  int
	full   bool
}

// fragment is a part of an automaton: where it may start and end.
type fragment struct {
	nullable    bool
	first, last []int
}

func (b *builder) build(e *expr) fragment {
	if b.full {
		return fragment{}
	}
	switch e.op {
	case opChar:
		return b.char(e)
	case opRef:
		return b.build(b.rules.body[e.ref])
	case opRepeat:
		return b.repeat(e)
	case opAlt:
		var f fragment
		for _, p := range e.parts {
			g := b.build(p)
			f = fragment{f.nullable || g.nullable, append(f.first, g.first...), append(f.last, g.last...)}
		}
		return f
	}
	f := fragment{nullable: true}
	for _, p := range e.parts {
		f = b.join(f, b.build(p))
	}
	return f
}

func (b *builder) char(e *expr) fragment {
	if len(b.sets) == maxPositions {
		b.full = true
		return fragment{}
	}
	p := len(b.sets)
	b.sets = append(b.sets, e.set)
	b.follow = append(b.follow, nil)
	return fragment{first: []int{p}, last: []int{p}}
}

// join is f, then g.
func (b *builder) join(f, g fragment) fragment {
	b.link(f.last, g.first)
	out := fragment{nullable: f.nullable && g.nullable, first: f.first, last: g.last}
	if f.nullable {
		out.first = append(f.first[:len(f.first):len(f.first)], g.first...)
	}
	if g.nullable {
		out.last = append(g.last[:len(g.last):len(g.last)], f.last...)
	}
	return out
}

func (b *builder) link(from, to []int) {
	if b.edges += len(from) * len(to); b.edges > 100*maxPositions {
		b.full = true
		return
	}
	for _, p := range from {
		b.follow[p] = append(b.follow[p], to...)
	}
}

// repeat unrolls the times that must be, and those that may be; * is a loop.
func (b *builder) repeat(e *expr) fragment {
	f := fragment{nullable: true}
	for i := 0; i < max(e.min, e.max) && !b.full; i++ {
		g := b.build(e.parts[0])
		g.nullable = g.nullable || i >= e.min
		f = b.join(f, g)
	}
	if e.max < 0 {
		g := b.build(e.parts[0])
		b.link(g.last, g.first)
		g.nullable = true
		f = b.join(f, g)
	}
	return f
}
