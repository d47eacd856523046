// Package draft guesses the tokens that come next, for the model to verify.
//
// Owns: the index of a request's own tokens.
// Must not import: anything but the standard library and kvcache (for Token).
// Flow: engine asks Propose with all that a request knows; what it proposes is
// computed in rows that would cost little, and kept as far as the sampler
// chooses the same. So a guess changes the speed, never the text.
package draft

import "github.com/moltbot/moltbot/kvcache"

// Lookup proposes what followed an earlier occurrence of the last tokens.
// Source: Saxena, Prompt Lookup Decoding, 2023. The zero value is ready.
type Lookup struct {
	last map[pair]int32 // where the pair stood last: index of its second token
	past []int32        // by index of a pair's second token: where the same pair stood before, -1: nowhere
	out  []kvcache.Token
}

// pair is two tokens that follow each other.
type pair [2]kvcache.Token

const (
	candidates = 16 // earlier occurrences that are looked at
	longest    = 32 // tokens of agreement that are counted
)

// Propose returns that many tokens that may follow known, and how many at its end
// agree with where they come from; none when its last two are new. Known may only
// grow between calls; the answer is valid until the next one.
func (l *Lookup) Propose(known []kvcache.Token, most int) (drafts []kvcache.Token, agree int) {
	if len(known) < 2 || most <= 0 {
		return nil, 0
	}
	l.index(known)
	at, length := l.best(known)
	if length == 0 {
		return nil, 0
	}
	return l.copy(known, at+1, most), length
}

// copy returns n tokens from known[from] on; where they reach the end, what was
// copied goes on (as in LZ77), so that a repetition is proposed to go on.
func (l *Lookup) copy(known []kvcache.Token, from, n int) []kvcache.Token {
	l.out = l.out[:0]
	for i := from; len(l.out) < n; i++ {
		if i < len(known) {
			l.out = append(l.out, known[i])
		} else {
			l.out = append(l.out, l.out[i-len(known)])
		}
	}
	return l.out
}

// index adds the pairs that are new.
func (l *Lookup) index(known []kvcache.Token) {
	if l.last == nil {
		l.last, l.past = make(map[pair]int32, len(known)), append(make([]int32, 0, len(known)), -1)
	}
	for i := len(l.past); i < len(known); i++ {
		p := pair{known[i-1], known[i]}
		before, met := l.last[p]
		if !met {
			before = -1
		}
		l.past = append(l.past, before)
		l.last[p] = int32(i)
	}
}

// best returns the occurrence that agrees longest with the end, the latest of
// equals, and how many tokens agree.
func (l *Lookup) best(known []kvcache.Token) (at, length int) {
	end := len(known) - 1
	for i, n := l.past[end], 0; i >= 0 && n < candidates; i, n = l.past[i], n+1 {
		if same := agreement(known, int(i), end); same > length {
			at, length = int(i), same
		}
	}
	return at, length
}

// agreement counts how many tokens up to i equal those up to end.
func agreement(known []kvcache.Token, i, end int) (n int) {
	for n <= i && n < longest && known[i-n] == known[end-n] {
		n++
	}
	return n
}
