package kvcache

// source is a sequence that a request can start from, and for how many tokens.
type source struct {
	seq SeqID
	n   Pos // 0: there is none
}

// source finds the sequence that holds most of w's first limit tokens and reaches
// there. Of equal ones a running sequence is better, since its cells are held anyway.
func (l *live) source(w Want, limit int) (best source) {
	for _, st := range []state{held, idle} {
		for i := range l.seqs {
			s, id := &l.seqs[i], SeqID(i)
			if s.state != st {
				continue
			}
			has := s.seen(w.Key)
			n := Pos(longer(has[:min(len(has), int(s.done))], w.Tokens[:limit], int(best.n)))
			if n > best.n && l.mem.Reaches(id, n) {
				best = source{id, n}
			}
		}
	}
	return best
}

// leader finds the running sequence that will have most of w's first limit tokens,
// more than ready and more than it has now.
func (l *live) leader(w Want, limit, ready int) (id SeqID, coming int) {
	best := ready
	for i := range l.seqs {
		s := &l.seqs[i]
		if s.state != held {
			continue
		}
		if n := longer(s.seen(w.Key), w.Tokens[:limit], best); n > best && n > int(s.done) {
			id, coming, best = SeqID(i), n, n
		}
	}
	return id, coming
}

// longer returns the length of the common prefix if it is more than n, else
// something up to n. One comparison tells most of the latter.
func longer(a, b []Token, n int) int {
	if len(a) <= n || len(b) <= n || a[n] != b[n] {
		return 0
	}
	return commonPrefix(a, b)
}

// limit returns how many tokens of w may be found.
func limit(w Want) int { return max(len(w.Tokens)-1, 0) }
