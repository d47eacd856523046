package constrain

import (
	"errors"
	"fmt"
	"slices"
)

// expr is a piece of a grammar over characters.
type expr struct {
	op    op
	parts []*expr // of seq and alt; the repeated one of repeat
	set   charset // of char
	ref   string
	min   int
	max   int // -1: no bound
}

type op uint8

const (
	opChar   op = iota // one character of a set
	opSeq              // one after another; none: the empty text
	opAlt              // one of these
	opRepeat           // min to max times
	opRef              // what a rule says
)

// rules are a grammar; names keep their order.
type rules struct {
	names []string
	body  map[string]*expr
}

// check refuses references to nothing and grammars without an end.
func (r *rules) check() error {
	if r.body["root"] == nil {
		return errors.New("there is no rule root")
	}
	for _, name := range r.names {
		if missing := r.body[name].missing(r); missing != "" {
			return fmt.Errorf("the rule %s, which %s needs, is not defined", quoted(missing), quoted(name))
		}
	}
	ends := map[string]bool{}
	for grew := true; grew; {
		grew = false
		for _, name := range slices.Backward(r.names) {
			if !ends[name] && r.body[name].ends(ends) {
				ends[name], grew = true, true
			}
		}
	}
	for _, name := range r.names {
		if !ends[name] {
			return fmt.Errorf("the rule %s has no end: each of its texts needs another of its own", quoted(name))
		}
	}
	return nil
}

func (e *expr) missing(r *rules) string {
	if e.op == opRef && r.body[e.ref] == nil {
		return e.ref
	}
	for _, p := range e.parts {
		if m := p.missing(r); m != "" {
			return m
		}
	}
	return ""
}

// ends tells whether e has a finite text, given the rules that have one.
func (e *expr) ends(rules map[string]bool) bool {
	switch e.op {
	case opRef:
		return rules[e.ref]
	case opAlt:
		return slices.ContainsFunc(e.parts, func(p *expr) bool { return p.ends(rules) })
	case opRepeat:
		return e.min == 0 || e.parts[0].ends(rules)
	}
	return !slices.ContainsFunc(e.parts, func(p *expr) bool { return !p.ends(rules) })
}
