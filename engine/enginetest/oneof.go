package enginetest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/constrain"
)

// OneOf constrains the toy's answers to one of some texts.
type OneOf []string

// Start implements constrain.Constraint.
func (o OneOf) Start() (constrain.Matcher, error) { return &oneOf{texts: o}, nil }

type oneOf struct {
	texts []string
	said  string
}

// nexts are the bytes that may come next; ends tells whether the text may end here.
func (m *oneOf) nexts() (nexts []engine.Token, ends bool) {
	for _, text := range m.texts {
		rest, ok := strings.CutPrefix(text, m.said)
		switch {
		case ok && rest == "":
			ends = true
		case ok && !slices.Contains(nexts, engine.Token(rest[0])):
			nexts = append(nexts, engine.Token(rest[0]))
		}
	}
	return nexts, ends
}

// Mask implements constrain.Matcher.
func (m *oneOf) Mask(mask []uint32) error {
	clear(mask)
	nexts, ends := m.nexts()
	if ends {
		nexts = append(nexts, EOS)
	}
	for _, t := range nexts {
		mask[t/32] |= 1 << (t % 32)
	}
	return nil
}

// Accept implements constrain.Matcher.
func (m *oneOf) Accept(t engine.Token) error {
	if nexts, _ := m.nexts(); !slices.Contains(nexts, t) {
		return fmt.Errorf("token %d does not follow %q in any of %q", t, m.said, m.texts)
	}
	m.said += string(byte(t))
	return nil
}

// Forced implements constrain.Matcher.
func (m *oneOf) Forced(buf []engine.Token) []engine.Token {
	ahead := &oneOf{m.texts, m.said}
	for {
		nexts, ends := ahead.nexts()
		if ends || len(nexts) != 1 {
			return buf
		}
		buf = append(buf, nexts[0])
		ahead.said += string(byte(nexts[0]))
	}
}

// Ended implements constrain.Matcher.
func (m *oneOf) Ended() bool {
	nexts, _ := m.nexts()
	return len(nexts) == 0
}

// Close implements constrain.Matcher.
func (m *oneOf) Close() {}

// Grammars is a compiler that tests write.
type Grammars func(constrain.Grammar) (constrain.Constraint, error)

// Compile implements constrain.Compiler.
func (f Grammars) Compile(_ context.Context, g constrain.Grammar) (constrain.Constraint, error) {
	return f(g)
}
