package constrain

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// lowerGBNF turns a grammar of llama.cpp into Lark for the same texts. Source of
// the format: llama.cpp, grammars/README.md and src/llama-grammar.cpp.
func lowerGBNF(src string) (string, error) {
	p := &gbnf{src: src, rules: rules{body: map[string]*expr{}}}
	if err := p.parse(); err != nil {
		return "", err
	}
	if err := p.rules.check(); err != nil {
		return "", err
	}
	return p.rules.lark()
}

const (
	maxGBNFDepth  = 12   // of groups; the Lark of llguidance nests at most 30
	maxRepetition = 2000 // llama.cpp's own bound
)

// gbnf parses by recursive descent.
type gbnf struct {
	src   string
	pos   int
	depth int
	rules rules
}

// errorf says what is wrong and on which line.
func (p *gbnf) errorf(format string, args ...any) error {
	line := 1 + strings.Count(p.src[:min(p.pos, len(p.src))], "\n")
	return fmt.Errorf("line %d: "+format, append([]any{line}, args...)...)
}

func (p *gbnf) next() byte {
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

// space skips blanks and comments, and line ends where they may stand.
func (p *gbnf) space(lines bool) {
	for p.pos < len(p.src) {
		switch c := p.src[p.pos]; {
		case c == '#':
			for p.pos < len(p.src) && p.src[p.pos] != '\n' && p.src[p.pos] != '\r' {
				p.pos++
			}
		case c == ' ' || c == '\t' || lines && (c == '\n' || c == '\r'):
			p.pos++
		default:
			return
		}
	}
}

func (p *gbnf) take(text string) bool {
	if strings.HasPrefix(p.src[p.pos:], text) {
		p.pos += len(text)
		return true
	}
	return false
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-'
}

func (p *gbnf) name() string {
	start := p.pos
	for p.pos < len(p.src) && isWord(p.src[p.pos]) {
		p.pos++
	}
	return p.src[start:p.pos]
}

func (p *gbnf) parse() error {
	for p.space(true); p.pos < len(p.src); p.space(true) {
		if err := p.rule(); err != nil {
			return err
		}
	}
	return nil
}

func (p *gbnf) rule() error {
	name := p.name()
	p.space(false)
	if name == "" || !p.take("::=") {
		return p.errorf("a rule starts with its name and ::=")
	}
	if _, twice := p.rules.body[name]; twice {
		return p.errorf("the rule %s is defined twice", quoted(name))
	}
	p.space(true)
	body, err := p.alternatives(false)
	if err != nil {
		return err
	}
	if c := p.next(); c != 0 && c != '\n' && c != '\r' {
		return p.errorf("%s can't stand here", quoted(string(p.src[p.pos])))
	}
	p.rules.names = append(p.rules.names, name)
	p.rules.body[name] = body
	return nil
}

func (p *gbnf) alternatives(nested bool) (*expr, error) {
	alt := &expr{op: opAlt}
	for {
		s, err := p.sequence(nested)
		if err != nil {
			return nil, err
		}
		alt.parts = append(alt.parts, s)
		if !p.take("|") {
			break
		}
		p.space(true)
	}
	if len(alt.parts) == 1 {
		return alt.parts[0], nil
	}
	return alt, nil
}

func (p *gbnf) sequence(nested bool) (*expr, error) {
	seq := &expr{op: opSeq}
	for {
		e, err := p.item(nested)
		if err != nil {
			return nil, err
		}
		if e == nil {
			return seq, nil
		}
		p.space(nested)
		if e, err = p.repeated(e, nested); err != nil {
			return nil, err
		}
		seq.parts = append(seq.parts, e)
	}
}

// item reads one symbol; nil when none comes.
func (p *gbnf) item(nested bool) (*expr, error) {
	switch c := p.next(); {
	case c == '"':
		return p.text()
	case c == '[':
		return p.class()
	case c == '.':
		p.pos++
		return &expr{op: opChar, set: charset{}.negated()}, nil
	case c == '(':
		return p.group()
	case c == '<' || c == '!':
		return nil, p.errorf("a token by name or number can't be enforced: write its text")
	case c == '*' || c == '+' || c == '?' || c == '{':
		return nil, p.errorf("there is nothing that %c could repeat", c)
	case isWord(c):
		return &expr{op: opRef, ref: p.name()}, nil
	}
	return nil, nil
}

func (p *gbnf) group() (*expr, error) {
	if p.depth++; p.depth > maxGBNFDepth {
		return nil, p.errorf("groups nest deeper than %d", maxGBNFDepth)
	}
	p.pos++
	p.space(true)
	e, err := p.alternatives(true)
	p.depth--
	if err == nil && !p.take(")") {
		err = p.errorf("a ) is missing")
	}
	return e, err
}

func (p *gbnf) text() (*expr, error) {
	p.pos++
	seq := &expr{op: opSeq}
	for !p.take(`"`) {
		c, err := p.char()
		if err != nil {
			return nil, err
		}
		seq.parts = append(seq.parts, &expr{op: opChar, set: charset{{c, c}}})
	}
	return seq, nil
}

func (p *gbnf) class() (*expr, error) {
	p.pos++
	negated := p.take("^")
	var set charset
	for !p.take("]") {
		low, err := p.char()
		if err != nil {
			return nil, err
		}
		high := low
		if p.next() == '-' && !strings.HasPrefix(p.src[p.pos:], "-]") {
			p.pos++
			if high, err = p.char(); err != nil {
				return nil, err
			}
		}
		if high < low {
			return nil, p.errorf("a range of characters is out of order")
		}
		set = append(set, span{low, high})
	}
	if set == nil {
		return nil, p.errorf("[] names no character")
	}
	if set = set.normal(); negated {
		set = set.negated()
	}
	return &expr{op: opChar, set: set}, nil
}

var escapeDigits = map[byte]int{'x': 2, 'u': 4, 'U': 8}

// char reads one character, escaped or not.
func (p *gbnf) char() (rune, error) {
	if p.next() != '\\' {
		c, n := utf8.DecodeRuneInString(p.src[p.pos:])
		if n == 0 {
			return 0, p.errorf("it ends within a text or a [...]")
		}
		p.pos += n
		return c, nil
	}
	p.pos += 2
	if p.pos > len(p.src) {
		return 0, p.errorf("it ends with a \\")
	}
	c := p.src[p.pos-1]
	switch c {
	case 't':
		return '\t', nil
	case 'r':
		return '\r', nil
	case 'n':
		return '\n', nil
	case '\\', '"', '[', ']', '-':
		return rune(c), nil
	case 'x', 'u', 'U':
		return p.code(escapeDigits[c])
	}
	return 0, p.errorf("%s is no known escape", quoted(`\`+string(rune(c))))
}

func (p *gbnf) code(digits int) (rune, error) {
	if len(p.src)-p.pos < digits {
		return 0, p.errorf("an escape ends too early")
	}
	v, err := strconv.ParseUint(p.src[p.pos:p.pos+digits], 16, 32)
	if err != nil || !utf8.ValidRune(rune(v)) || v > utf8.MaxRune {
		return 0, p.errorf("an escape names no character")
	}
	p.pos += digits
	return rune(v), nil
}

// repeated reads the repetitions that follow an item.
func (p *gbnf) repeated(e *expr, nested bool) (*expr, error) {
	for n := 0; ; n++ {
		low, high := 0, -1
		switch p.next() {
		case '*':
		case '+':
			low = 1
		case '?':
			high = 1
		case '{':
			var err error
			if low, high, err = p.bounds(nested); err != nil {
				return nil, err
			}
		default:
			return e, nil
		}
		if n == maxGBNFDepth {
			return nil, p.errorf("repetitions nest deeper than %d", maxGBNFDepth)
		}
		p.pos++
		p.space(nested)
		e = &expr{op: opRepeat, parts: []*expr{e}, min: low, max: high}
	}
}

// bounds reads {m}, {m,} or {m,n} up to its }.
func (p *gbnf) bounds(nested bool) (low, high int, err error) {
	p.pos++
	p.space(nested)
	low, ok := p.number()
	if !ok {
		return 0, 0, p.errorf("a number must follow {")
	}
	high = low
	if p.space(nested); p.take(",") {
		p.space(nested)
		if high, ok = p.number(); !ok {
			high = -1
		}
		p.space(nested)
	}
	switch {
	case p.next() != '}':
		err = p.errorf("a } is missing")
	case low > maxRepetition || high > maxRepetition:
		err = p.errorf("more than %d repetitions can't be counted", maxRepetition)
	case high >= 0 && high < low:
		err = p.errorf("a repetition is out of order")
	}
	return low, high, err
}

func (p *gbnf) number() (int, bool) {
	start := p.pos
	for p.next() >= '0' && p.next() <= '9' {
		p.pos++
	}
	n, err := strconv.Atoi(p.src[start:p.pos])
	if err != nil && p.pos > start {
		return maxRepetition + 1, true
	}
	return n, err == nil
}
