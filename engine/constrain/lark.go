package constrain

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// lowerLark checks a grammar in llguidance's dialect: %json goes the way of every
// schema, and what would need a look back, another temperature or a token without
// text is refused, but for tokens by number where tokens is set. All else is for
// llguidance to judge.
func lowerLark(src string, tokens bool) (string, error) {
	l := &lark{src: src, tokens: tokens}
	for l.pos < len(l.src) {
		if err := l.step(); err != nil {
			return "", fmt.Errorf("line %d: %w", 1+strings.Count(src[:min(l.pos, len(src))], "\n"), err)
		}
	}
	return l.out.String(), nil
}

// lark copies a grammar, lexeme by lexeme as llguidance cuts it.
type lark struct {
	src    string
	tokens bool
	pos    int
	out    strings.Builder
}

var (
	larkString   = regexp.MustCompile(`^"(\\.|[^"\\])*"`)
	larkRegex    = regexp.MustCompile(`^/(\\.|[^/\\])+/`)
	larkComment  = regexp.MustCompile(`^(#|//)[^\n]*`)
	larkToken    = regexp.MustCompile(`^<[^<>\s]+>`)
	larkNumber   = regexp.MustCompile(`^<\[[0-9]+\]>`)
	larkOption   = regexp.MustCompile(`^(stop|stop_capture|temperature)[ \t]*=`)
	larkWord     = regexp.MustCompile(`^%?[A-Za-z0-9_]+`)
	larkHidden   = regexp.MustCompile(`\(\?P?<stop>`)
	errLarkToken = errors.New("a token by name or number can't be enforced: write its text")
)

func (l *lark) step() error {
	rest := l.src[l.pos:]
	switch {
	case larkComment.MatchString(rest):
		return l.copy(larkComment)
	case larkString.MatchString(rest):
		return l.copy(larkString)
	case larkRegex.MatchString(rest):
		if larkHidden.MatchString(larkRegex.FindString(rest)) {
			return errors.New("a group named stop can't be enforced")
		}
		return l.copy(larkRegex)
	case l.tokens && larkNumber.MatchString(rest):
		return l.copy(larkNumber)
	case larkToken.MatchString(rest):
		return errLarkToken
	case larkOption.MatchString(rest):
		return fmt.Errorf("%s can't be enforced", strings.TrimSpace(larkOption.FindString(rest)))
	case larkWord.MatchString(rest):
		return l.word()
	}
	l.out.WriteByte(l.src[l.pos])
	l.pos++
	return nil
}

func (l *lark) copy(r *regexp.Regexp) error {
	text := r.FindString(l.src[l.pos:])
	l.out.WriteString(text)
	l.pos += len(text)
	return nil
}

// word copies a name or a directive; the JSON after one is read with it.
func (l *lark) word() error {
	word := larkWord.FindString(l.src[l.pos:])
	l.out.WriteString(word)
	l.pos += len(word)
	switch word {
	case "%json":
		return l.value(lowerSchema)
	case "%llguidance":
		return l.value(larkOptions)
	case "%regex":
		return l.value(func(s string) (string, error) { return s, nil })
	}
	return nil
}

// value reads the JSON value that comes next and writes what lower makes of it.
func (l *lark) value(lower func(string) (string, error)) error {
	d := json.NewDecoder(strings.NewReader(l.src[l.pos:]))
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return malformed(err)
	}
	low, err := lower(string(raw))
	if err != nil {
		return err
	}
	l.out.WriteString(" " + low)
	l.pos += int(d.InputOffset())
	return nil
}

// larkOptions lets through the options that change how a grammar is read, not what
// an answer may hold.
func larkOptions(src string) (string, error) {
	v, err := decodeJSON(src)
	if err != nil {
		return "", err
	}
	o, ok := v.(*object)
	if !ok {
		return "", errors.New("%llguidance takes an object")
	}
	for _, k := range o.keys {
		if k != "no_forcing" && k != "allow_initial_skip" && k != "ignore_once" {
			return "", fmt.Errorf("the option %s can't be served", quoted(k))
		}
	}
	return src, nil
}
