package constrain

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// span is a range of characters, both ends in it.
type span struct{ low, high rune }

// charset is a set of characters: spans in order, apart from each other.
type charset []span

// normal sorts and joins spans.
func (c charset) normal() charset {
	slices.SortFunc(c, func(a, b span) int { return int(a.low - b.low) })
	var out charset
	for _, s := range c {
		if n := len(out); n > 0 && s.low <= out[n-1].high+1 {
			out[n-1].high = max(out[n-1].high, s.high)
			continue
		}
		out = append(out, s)
	}
	return out
}

// negated returns all other characters.
func (c charset) negated() charset {
	var out charset
	next := rune(0)
	for _, s := range c {
		if s.low > next {
			out = append(out, span{next, s.low - 1})
		}
		next = s.high + 1
	}
	if next <= utf8.MaxRune {
		out = append(out, span{next, utf8.MaxRune})
	}
	return out
}

// without returns what is in c and not in d.
func (c charset) without(d charset) charset {
	return append(c.negated(), d...).normal().negated()
}

// meets tells whether two sets have a character in common.
func (c charset) meets(d charset) bool {
	for i, j := 0, 0; i < len(c) && j < len(d); {
		switch {
		case c[i].high < d[j].low:
			i++
		case d[j].high < c[i].low:
			j++
		default:
			return true
		}
	}
	return false
}

// regex writes the set as a class.
func (c charset) regex() string {
	if len(c) == 0 {
		return `[^\x{0}-\x{10FFFF}]`
	}
	if c[0].low == c[0].high && len(c) == 1 && plain(c[0].low) {
		return string(c[0].low)
	}
	var b strings.Builder
	b.WriteByte('[')
	for _, s := range c {
		low, high := s.low, s.high
		if surrogate(low) {
			low = 0xE000
		}
		if surrogate(high) {
			high = 0xD7FF
		}
		if low <= high {
			fmt.Fprintf(&b, `\x{%X}-\x{%X}`, low, high)
		}
	}
	b.WriteByte(']')
	return b.String()
}

// plain tells whether a character means itself in any regex.
func plain(c rune) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// surrogate tells whether c is half of a pair, which is no character of a text.
func surrogate(c rune) bool { return 0xD800 <= c && c <= 0xDFFF }
