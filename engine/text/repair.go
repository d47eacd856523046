package text

import "unicode/utf8"

// repair makes a stream of bytes valid UTF-8.
type repair struct {
	open []byte // the beginning of a character, at most 3 bytes
}

// add appends to text what is certain after the next bytes.
func (r *repair) add(text, next []byte) []byte {
	if len(r.open) == 0 && utf8.Valid(next) {
		return append(text, next...)
	}
	r.open = append(r.open, next...)
	rest := r.open
	for utf8.FullRune(rest) {
		n := 0
		text, n = appendFirst(text, rest)
		rest = rest[n:]
	}
	r.open = r.open[:copy(r.open, rest)]
	return text
}

// flush appends the character that never became complete, if there is one.
func (r *repair) flush(text []byte) []byte {
	if len(r.open) > 0 {
		text = utf8.AppendRune(text, utf8.RuneError)
	}
	r.open = r.open[:0]
	return text
}

// appendFirst appends the first character of p, or U+FFFD for bytes that are none,
// and returns how many bytes that was.
func appendFirst(text, p []byte) ([]byte, int) {
	c, n := utf8.DecodeRune(p)
	if c == utf8.RuneError && n == 1 {
		n = subpart(p)
	}
	return utf8.AppendRune(text, c), n
}

// subpart returns the length of the longest beginning of p that a character
// could begin with, at least 1; p begins with no character.
func subpart(p []byte) int {
	n := 1
	for n < len(p) && !utf8.FullRune(p[:n]) && !utf8.FullRune(p[:n+1]) {
		n++
	}
	return n
}

// mended returns a string as the text would have it.
func mended(s string) string {
	var r repair
	return string(r.flush(r.add(nil, []byte(s))))
}
