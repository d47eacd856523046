// Package text makes safe text of token pieces.
//
// Owns: whole UTF-8 across tokens, and stop strings.
// Must not import: anything outside the standard library.
// Flow: engine calls New for a request, Push with the bytes of each token and
// sends on what comes out; when Push says stopped the generation is over, else
// Close returns what was still held back at its end.
package text

// Assembler holds back the end of a text until nothing that follows can change
// it: an incomplete character, or what may be the beginning of a stop string.
// Everything it gives out is valid UTF-8. It isn't safe for concurrent use.
//
// Bytes that are no UTF-8 become U+FFFD, one for each maximal subpart, as the
// Unicode Standard (chapter 3.9) and the WHATWG Encoding Standard have it.
// Stops are compared with the text after that, and are themselves mended the
// same way; a stop with U+FFFD therefore meets a byte that was invalid.
//
// The text ends with the first stop to be complete, the longest of several that
// end at the same byte; how the text is cut into pieces makes no difference.
type Assembler struct {
	repair repair
	held   []byte // not given out yet
	stops  []matcher
	met    string // the stop that ended the text
}

// New returns the assembler of a request. Empty stops are ignored.
func New(stops []string) *Assembler {
	a := new(Assembler)
	for _, s := range stops {
		if s != "" {
			a.stops = append(a.stops, newMatcher(mended(s)))
		}
	}
	return a
}

// Push takes the bytes of a token and returns the text that is safe by now,
// often none. When a stop is complete it returns the rest of the text before it
// and true; all later pieces are ignored.
func (a *Assembler) Push(piece []byte) (out string, stopped bool) {
	if a.met != "" {
		return "", true
	}
	from := len(a.held)
	a.held = a.repair.add(a.held, piece)
	return a.release(from)
}

// Close returns what was held back. At the end of a text an incomplete
// character is an invalid one, and its U+FFFD may complete a stop: see Stop. A
// second call returns nothing.
func (a *Assembler) Close() string {
	if a.met != "" {
		return ""
	}
	from := len(a.held)
	a.held = a.repair.flush(a.held)
	out, stopped := a.release(from)
	if stopped {
		return out
	}
	out += string(a.held)
	a.forget()
	return out
}

// forget empties it, so that a second Close gives nothing.
func (a *Assembler) forget() {
	a.held = a.held[:0]
	for i := range a.stops {
		a.stops[i].matched = 0
	}
}

// Stop returns the stop string that ended the text; "" when none did.
func (a *Assembler) Stop() string { return a.met }

// release looks for stops in what is new in held and gives out what is safe.
func (a *Assembler) release(from int) (out string, stopped bool) {
	for i, b := range a.held[from:] {
		if a.met = a.step(b); a.met != "" {
			return string(a.held[:from+i+1-len(a.met)]), true
		}
	}
	safe := len(a.held) - a.begun()
	out = string(a.held[:safe])
	a.held = a.held[:copy(a.held, a.held[safe:])]
	return out, false
}

// step moves every stop on by a byte and returns the longest that is complete.
func (a *Assembler) step(b byte) (met string) {
	for i := range a.stops {
		if m := &a.stops[i]; m.step(b) && len(m.stop) > len(met) {
			met = m.stop
		}
	}
	return met
}

// begun returns how many bytes at the end may be the beginning of a stop.
func (a *Assembler) begun() (n int) {
	for i := range a.stops {
		n = max(n, a.stops[i].matched)
	}
	return n
}
