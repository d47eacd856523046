package constrain

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// White space as all dialects see it, and as the widest ones do.
var (
	narrowSpace = charset{{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}}
	wideSpace   = charset{
		{'\t', '\r'},
		{0x1C, ' '},
		{0x85, 0x85},
		{0xA0, 0xA0},
		{0x1680, 0x1680},
		{0x2000, 0x200A},
		{0x2028, 0x2029},
		{0x202F, 0x202F},
		{0x205F, 0x205F},
		{0x3000, 0x3000},
		{0xFEFF, 0xFEFF},
	}
	digitChars = charset{{'0', '9'}}
	wordChars  = charset{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}
	lineEnds   = charset{{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}
)

// unwritable are the characters that only \u could spell in JSON, which answers
// don't use. They must be in no class: from one that holds every control character
// llguidance 1.9.1 (derivre 0.3.13, json_quote) makes a class that also holds
// quotes and backslashes, even where these are excluded.
var unwritable = charset{{0, 7}, {0xB, 0xB}, {0xE, 0x1F}, {0x7F, 0x7F}}

// write writes a class of characters.
func (p *pattern) write(set charset) string {
	if p.inJSON {
		set = set.without(unwritable)
	}
	return set.regex()
}

// class reads [...].
func (p *pattern) class() (string, error) {
	p.pos++
	negated := p.take("^")
	var set charset
	for !p.take("]") {
		if !p.more() {
			return "", errors.New("a ] is missing")
		}
		m, err := p.member(negated)
		if err != nil {
			return "", err
		}
		set = append(set, m...)
	}
	if set = set.normal(); negated {
		set = set.negated()
	}
	if len(set) == 0 {
		return "", errors.New("[] matches nothing")
	}
	return p.write(set), nil
}

// member reads a character, a range or a class within [...].
func (p *pattern) member(negated bool) (charset, error) {
	set, low, err := p.point(negated)
	if err != nil || set != nil {
		return set, err
	}
	if !p.at("-") || p.at("-]") {
		return charset{{low, low}}, nil
	}
	p.pos++
	if !p.more() {
		return nil, errors.New("a ] is missing")
	}
	set, high, err := p.point(negated)
	switch {
	case err != nil:
		return nil, err
	case set != nil || high < low:
		return nil, errors.New("a range of characters is out of order")
	}
	return charset{{low, high}}, nil
}

// point reads one character of a class, or a set such as \d.
func (p *pattern) point(negated bool) (set charset, c rune, err error) {
	if !p.at(`\`) {
		c = p.src[p.pos]
		p.pos++
		return nil, c, nil
	}
	if p.take(`\b`) {
		return nil, '\b', nil
	}
	if p.take(`\-`) {
		return nil, '-', nil
	}
	if set, err = p.set(negated); set != nil || err != nil {
		return set, 0, err
	}
	c, err = p.char()
	return nil, c, err
}

// escape reads what follows a \ outside of [...].
func (p *pattern) escape() (string, error) {
	if p.at(`\b`) || p.at(`\B`) {
		return "", errors.New(`it looks at word boundaries (\b)`)
	}
	set, err := p.set(false)
	if err == nil && set == nil {
		var c rune
		c, err = p.char()
		set = charset{{c, c}}
	}
	if err != nil {
		return "", err
	}
	return p.write(set), nil
}

// set reads \d \w \s, their opposites, and \p{...}; nil when none of them comes.
// White space that is let in is what all dialects agree on, and what is kept out
// is all that any of them means.
func (p *pattern) set(negated bool) (charset, error) {
	narrow, wide := narrowSpace, wideSpace
	if negated {
		narrow, wide = wide, narrow
	}
	switch {
	case p.take(`\d`):
		return digitChars, nil
	case p.take(`\D`):
		return digitChars.negated(), nil
	case p.take(`\w`):
		return wordChars, nil
	case p.take(`\W`):
		return wordChars.negated(), nil
	case p.take(`\s`):
		return narrow, nil
	case p.take(`\S`):
		return wide.negated(), nil
	case p.at(`\p`) || p.at(`\P`):
		return p.unicodeSet()
	}
	return nil, nil
}

var controls = map[rune]rune{'t': '\t', 'n': '\n', 'v': '\v', 'f': '\f', 'r': '\r'}

// char reads an escaped character.
func (p *pattern) char() (rune, error) {
	p.pos++
	if !p.more() {
		return 0, errors.New(`it ends with a \`)
	}
	c := p.src[p.pos]
	p.pos++
	switch {
	case controls[c] != 0:
		return controls[c], nil
	case c == '0' && !p.digit():
		return 0, nil
	case c >= '0' && c <= '9' || c == 'k':
		return 0, errors.New("it refers back to a group")
	case c == 'x':
		return p.hex(2)
	case c == 'u':
		return p.unicode()
	case c == 'c' && p.more() && (p.src[p.pos]|0x20 >= 'a' && p.src[p.pos]|0x20 <= 'z'):
		p.pos++
		return p.src[p.pos-1] & 0x1F, nil
	case c < 0x80 && strings.ContainsRune(`^$\.*+?()[]{}|/-"'#%&,:;<=>@_~! `+"`", c):
		return c, nil
	}
	return 0, fmt.Errorf("%s is no known escape", quoted(`\`+string(c)))
}

func (p *pattern) digit() bool { return p.more() && p.src[p.pos] >= '0' && p.src[p.pos] <= '9' }

func (p *pattern) hex(n int) (rune, error) {
	if len(p.src)-p.pos < n {
		return 0, errors.New("an escape ends too early")
	}
	v, err := strconv.ParseUint(string(p.src[p.pos:p.pos+n]), 16, 32)
	if err != nil {
		return 0, errors.New("an escape is not hexadecimal")
	}
	p.pos += n
	return rune(v), nil
}

// unicode reads XXXX, {X...} or two halves of a surrogate pair.
func (p *pattern) unicode() (rune, error) {
	if p.take("{") {
		end := p.pos
		for end < len(p.src) && p.src[end] != '}' {
			end++
		}
		v, err := strconv.ParseUint(string(p.src[p.pos:end]), 16, 32)
		if err != nil || end == len(p.src) || v > 0x10FFFF || v >= 0xD800 && v <= 0xDFFF {
			return 0, errors.New(`\u{...} names no character`)
		}
		p.pos = end + 1
		return rune(v), nil
	}
	high, err := p.hex(4)
	if err != nil || high < 0xD800 || high > 0xDFFF {
		return high, err
	}
	if high < 0xDC00 && p.take(`\u`) {
		if low, err := p.hex(4); err == nil && isLow(int(low)) {
			return 0x10000 + (high-0xD800)<<10 + (low - 0xDC00), nil
		}
	}
	return 0, errors.New("it holds half of a surrogate pair")
}

var unicodeSet = regexp.MustCompile(`^\\([pP])\{((?:sc|Script)=)?([A-Za-z_]{1,40})\}`)

// unicodeSet reads \p{...} and writes the characters it means, so that it means
// what the Unicode of this program knows and not a later one.
func (p *pattern) unicodeSet() (charset, error) {
	m := unicodeSet.FindStringSubmatch(string(p.src[p.pos:min(len(p.src), p.pos+60)]))
	if m == nil {
		return nil, errors.New(`it has a \p that is not known`)
	}
	p.pos += len(m[0])
	table := unicode.Scripts[m[3]]
	if m[2] == "" {
		name := m[3]
		if long, ok := unicode.CategoryAliases[name]; ok {
			name = long
		}
		table = unicode.Categories[name]
	}
	if table == nil {
		return nil, fmt.Errorf("%s is not known", m[0])
	}
	set := charsetOf(table)
	if m[1] == "P" {
		set = set.negated()
	}
	return set, nil
}

// charsetOf lists the characters of a table.
func charsetOf(t *unicode.RangeTable) charset {
	var set charset
	for _, r := range t.R16 {
		for c := rune(r.Lo); c <= rune(r.Hi); c += rune(r.Stride) {
			set = append(set, span{c, c})
		}
	}
	for _, r := range t.R32 {
		for c := rune(r.Lo); c <= rune(r.Hi); c += rune(r.Stride) {
			set = append(set, span{c, c})
		}
	}
	return set.normal()
}
