package text

// matcher looks for one stop string in a stream of bytes, each looked at once
// or twice (Knuth, Morris, Pratt, Fast Pattern Matching in Strings, 1977).
type matcher struct {
	stop    string
	matched int   // the longest end of the stream with which stop begins, in bytes
	shorter []int // by matched-1: the next longest
}

func newMatcher(stop string) matcher {
	m := matcher{stop: stop, shorter: make([]int, len(stop))}
	for i := 1; i < len(stop); i++ {
		m.step(stop[i])
		m.shorter[i] = m.matched
	}
	m.matched = 0
	return m
}

// step takes the next byte and tells whether the stop is complete.
func (m *matcher) step(b byte) bool {
	for m.matched > 0 && m.stop[m.matched] != b {
		m.matched = m.shorter[m.matched-1]
	}
	if m.stop[m.matched] == b {
		m.matched++
	}
	return m.matched == len(m.stop)
}
