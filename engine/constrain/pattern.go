package constrain

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// anything is what may stand before and after what a pattern describes.
const anything = `(?s:.)*`

// lowerPattern turns a pattern of JSON Schema, which may match anywhere in a
// string, into one for whole strings in the dialect of llguidance. The dialect
// read is ECMA-262's; where others read a class more widely or narrowly (\s, \d),
// what is written lies within all of them.
func lowerPattern(src string) (string, error) {
	p := &pattern{src: []rune(src), inJSON: true}
	body, err := p.whole(anything)
	if err != nil {
		return "", fmt.Errorf("the pattern %s can't be enforced: %w", quoted(src), err)
	}
	return "^(?:" + body + ")$", nil
}

// lowerRegex turns a pattern for a whole answer into Lark.
func lowerRegex(src string) (string, error) {
	p := &pattern{src: []rune(src)}
	body, err := p.whole("")
	if err != nil {
		return "", fmt.Errorf("the pattern can't be enforced: %w", err)
	}
	return "start: /(?:" + body + ")/\n", nil
}

// pattern parses by recursive descent and writes as it goes.
type pattern struct {
	src    []rune
	inJSON bool // for a string of JSON, else for a text
	pos    int
	depth  int
}

const maxPatternDepth = 40

func (p *pattern) more() bool { return p.pos < len(p.src) }

// at tells whether text comes next.
func (p *pattern) at(text string) bool {
	t := []rune(text)
	return len(p.src)-p.pos >= len(t) && string(p.src[p.pos:p.pos+len(t)]) == text
}

// take moves past text if it comes next.
func (p *pattern) take(text string) bool {
	if !p.at(text) {
		return false
	}
	p.pos += len([]rune(text))
	return true
}

// whole reads all of the pattern; around stands where an alternative has no anchor.
func (p *pattern) whole(around string) (string, error) {
	out, err := p.anchored(around)
	if err == nil && p.more() {
		err = errors.New("it has a ) too many")
	}
	return out, err
}

// anchored reads alternatives that may start with ^ and end with $.
func (p *pattern) anchored(around string) (string, error) {
	var out []string
	for {
		a, err := p.anchoredAlternative(around)
		if err != nil {
			return "", err
		}
		out = append(out, a)
		if !p.take("|") {
			return strings.Join(out, "|"), nil
		}
	}
}

func (p *pattern) anchoredAlternative(around string) (string, error) {
	if p.groupAlone() {
		return p.group(func() (string, error) { return p.anchored(around) })
	}
	before, after := around, around
	if p.take("^") {
		before = ""
	}
	body, err := p.sequence()
	if err != nil {
		return "", err
	}
	if p.take("$") {
		after = ""
	}
	if p.more() && !p.at("|") && !p.at(")") {
		return "", errors.New("$ is supported at its end alone")
	}
	return before + body + after, nil
}

// groupAlone tells whether the alternative is one group and nothing else, so that
// anchors within it stand at its edges.
func (p *pattern) groupAlone() bool {
	if !p.at("(") || p.at("(?=") || p.at("(?!") || p.at("(?<=") || p.at("(?<!") {
		return false
	}
	open, class := 0, false
	for i := p.pos; i < len(p.src); i++ {
		switch c := p.src[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '(':
			open++
		case c == ')':
			if open--; open == 0 {
				return i+1 == len(p.src) || p.src[i+1] == '|' || p.src[i+1] == ')'
			}
		}
	}
	return false
}

func (p *pattern) alternatives() (string, error) {
	var out []string
	for {
		s, err := p.sequence()
		if err != nil {
			return "", err
		}
		out = append(out, s)
		if !p.take("|") {
			return strings.Join(out, "|"), nil
		}
	}
}

func (p *pattern) sequence() (string, error) {
	var out strings.Builder
	for p.more() && !p.at("|") && !p.at(")") && !p.at("$") {
		atom, err := p.atom()
		if err != nil {
			return "", err
		}
		times, err := p.times()
		if err != nil {
			return "", err
		}
		out.WriteString(atom + times)
	}
	return out.String(), nil
}

func (p *pattern) atom() (string, error) {
	switch c := p.src[p.pos]; c {
	case '(':
		return p.group(p.alternatives)
	case '[':
		return p.class()
	case '\\':
		return p.escape()
	case '^':
		return "", errors.New("^ is supported at its start alone")
	case '*', '+', '?':
		return "", fmt.Errorf("there is nothing that %c could repeat", c)
	case '.':
		p.pos++
		return p.write(lineEnds.negated()), nil
	default:
		p.pos++
		return p.write(charset{{c, c}}), nil
	}
}

// group reads ( to ), with inner for what is between.
func (p *pattern) group(inner func() (string, error)) (string, error) {
	p.pos++
	if err := p.groupKind(); err != nil {
		return "", err
	}
	if p.depth++; p.depth > maxPatternDepth {
		return "", errors.New("it nests too deep")
	}
	body, err := inner()
	p.depth--
	if err == nil && !p.take(")") {
		err = errors.New("a ) is missing, or a $ stands within")
	}
	return "(?:" + body + ")", err
}

func (p *pattern) groupKind() error {
	switch {
	case p.take("?:"), !p.at("?"):
		return nil
	case p.at("?=") || p.at("?!") || p.at("?<=") || p.at("?<!"):
		return errors.New("it looks ahead or behind")
	case p.take("?<"):
		for p.more() {
			if p.take(">") {
				return nil
			}
			p.pos++
		}
	}
	return errors.New("it has an unknown kind of group")
}

// times reads what may follow an atom: * + ? {m} {m,} {m,n}, and a ? for lazy,
// which changes no match of the whole.
func (p *pattern) times() (string, error) {
	if !p.more() {
		return "", nil
	}
	out := ""
	switch c := p.src[p.pos]; c {
	case '*', '+', '?':
		p.pos++
		out = string(c)
	case '{':
		var err error
		if out, err = p.bounds(); err != nil || out == "" {
			return "", err
		}
	default:
		return "", nil
	}
	p.take("?")
	if p.at("*") || p.at("+") || p.at("?") {
		return "", errors.New("it repeats a repetition")
	}
	return out, nil
}

// bounds reads {m}, {m,} or {m,n}; a { that starts none of these is a character.
func (p *pattern) bounds() (string, error) {
	end := p.pos
	for end < len(p.src) && p.src[end] != '}' {
		end++
	}
	if end == len(p.src) {
		return "", nil
	}
	low, high, open := strings.Cut(string(p.src[p.pos+1:end]), ",")
	m, err := strconv.Atoi(low)
	if err != nil || low[0] == '+' || low[0] == '-' {
		return "", nil
	}
	n := m
	if open && high != "" {
		if n, err = strconv.Atoi(high); err != nil || high[0] == '+' || high[0] == '-' {
			return "", nil
		}
	}
	if m > maxLength || n > maxLength || n < m {
		return "", fmt.Errorf("{%s} is out of order or beyond %d", string(p.src[p.pos+1:end]), maxLength)
	}
	p.pos = end + 1
	if open && high == "" {
		return fmt.Sprintf("{%d,}", m), nil
	}
	return fmt.Sprintf("{%d,%d}", m, n), nil
}
