package chat

import (
	"errors"
	"fmt"
	"strings"
)

// ErrSyntax: an answer left the syntax that its model writes in after a part
// of it had already been told.
var ErrSyntax = errors.New("the answer breaks the syntax of its model")

// Plain is the Parser of a model that writes nothing but content.
type Plain struct{}

// Push implements Parser.
func (Plain) Push(text string) (Delta, error) { return Delta{Content: text}, nil }

// Close implements Parser.
func (Plain) Close() (Delta, error) { return Delta{}, nil }

// skip returns a Parser of answers that are content behind a known text.
func skip(lead string) Parser {
	return NewParser(func(text string, _ bool) (Parts, error) {
		if rest, ok := strings.CutPrefix(text, lead); ok {
			return Parts{Content: rest}, nil
		}
		return Parts{}, nil
	})
}

// ParseFunc cuts an answer into its parts. partial: text is what there is so
// far, and more may follow.
type ParseFunc func(text string, partial bool) (Parts, error)

// NewParser returns a Parser over a function that knows whole texts only. What
// it said is never taken back. White space waits until something follows it,
// since a parser may yet drop it with the tag that comes next.
//
// An answer that parse refuses without a part of it told is no answer in the
// model's syntax: Close returns it as content, as it is. When a part was told,
// Close fails with ErrSyntax.
func NewParser(parse ParseFunc) Parser { return &reparser{parse: parse} }

// growth bounds the work: of a long text only each 1/growth more is parsed
// anew, so n bytes cost about growth parses of n bytes, not n.
const growth = 256

// reparser parses the whole text again as it grows, and tells the difference.
type reparser struct {
	parse ParseFunc
	text  strings.Builder
	seen  int   // bytes of text at the last parse
	told  Parts // the sum of what was returned
}

// Push implements Parser. A refused text is held back: more of it may mend it.
func (p *reparser) Push(text string) (Delta, error) {
	p.text.WriteString(text)
	if p.text.Len()-p.seen <= p.seen/growth {
		return Delta{}, nil
	}
	p.seen = p.text.Len()
	now, err := p.parse(p.text.String(), true)
	if err != nil {
		return Delta{}, nil
	}
	now.Content, now.Reasoning = settled(now.Content), settled(now.Reasoning)
	d, err := p.tell(now)
	if err != nil {
		return Delta{}, nil
	}
	return d, nil
}

// Close implements Parser.
func (p *reparser) Close() (Delta, error) {
	now, err := p.parse(p.text.String(), false)
	switch {
	case err == nil:
		return p.tell(now)
	case p.told.empty():
		return Delta{Content: p.text.String()}, nil
	}
	return Delta{}, fmt.Errorf("%w: %w", ErrSyntax, err)
}

// tell returns what now holds beyond what was told. A shorter now tells nothing.
func (p *reparser) tell(now Parts) (Delta, error) {
	content, ok1 := beyond(p.told.Content, now.Content)
	reasoning, ok2 := beyond(p.told.Reasoning, now.Reasoning)
	calls, ok3 := callsBeyond(p.told.Calls, now.Calls)
	if !ok1 || !ok2 || !ok3 {
		return Delta{}, fmt.Errorf("%w: it now reads otherwise than before", ErrSyntax)
	}
	p.told.Content += content
	p.told.Reasoning += reasoning
	p.told.add(calls)
	return Delta{Content: content, Reasoning: reasoning, Calls: calls}, nil
}

func (p Parts) empty() bool { return p.Content == "" && p.Reasoning == "" && len(p.Calls) == 0 }

// add joins pieces to the calls that they belong to.
func (p *Parts) add(calls []CallDelta) {
	for _, c := range calls {
		if c.Index == len(p.Calls) {
			p.Calls = append(p.Calls, ToolCall{ID: c.ID, Name: c.Name})
		}
		p.Calls[c.Index].Arguments += c.Arguments
	}
}

// callsBeyond returns the pieces that lead from the calls told to those that are
// now; false when they differ. A call without a name is not known yet.
func callsBeyond(told, now []ToolCall) (pieces []CallDelta, ok bool) {
	for i, c := range now {
		if c.Name == "" {
			return pieces, i >= len(told)
		}
		if i >= len(told) {
			pieces = append(pieces, CallDelta{Index: i, ID: c.ID, Name: c.Name, Arguments: c.Arguments})
			continue
		}
		more, ok := beyond(told[i].Arguments, c.Arguments)
		if !ok || told[i].Name != c.Name {
			return nil, false
		}
		if more != "" {
			pieces = append(pieces, CallDelta{Index: i, Arguments: more})
		}
	}
	return pieces, true
}

// beyond returns what follows told in now; false when they differ.
func beyond(told, now string) (string, bool) {
	if rest, ok := strings.CutPrefix(now, told); ok {
		return rest, true
	}
	return "", strings.HasPrefix(told, now)
}

func settled(s string) string { return strings.TrimRight(s, " \t\r\n") }
