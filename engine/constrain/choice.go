package constrain

import (
	"fmt"
	"slices"
)

// checkChoices refuses each oneOf whose options may overlap: a mask can let a value
// through, but not see that it satisfies two of them.
func (r *reader) checkChoices(root *schema) error {
	for _, s := range append(slices.Clone(r.order), root) {
		if err := checkChoice(s); err != nil {
			return err
		}
	}
	return nil
}

func checkChoice(s *schema) error {
	for i, a := range s.one {
		for j, b := range s.one[:i] {
			c := comparison{left: maxCompared}
			if !c.disjoint(a, b) {
				return fmt.Errorf("the keyword oneOf at %s can't be enforced: options %d and %d may overlap; use anyOf, or give them a required property with different values of const", place(s.at), j, i)
			}
		}
	}
	for _, sub := range s.parts() {
		if err := checkChoice(sub); err != nil {
			return err
		}
	}
	return nil
}

// maxCompared bounds the work for one pair of options.
const maxCompared = 2000

// comparison proves that no value satisfies two schemas. It may fail to.
type comparison struct{ left int }

func (c *comparison) disjoint(a, b *schema) bool {
	if c.left--; c.left < 0 {
		return false
	}
	if !a.satisfiable || !b.satisfiable {
		return true
	}
	as, bs := conjuncts(a), conjuncts(b)
	return typesOf(as)&typesOf(bs) == 0 || valuesDiffer(as, bs) || c.optionsDiffer(as, bs) || c.optionsDiffer(bs, as) ||
		c.membersDiffer(as, bs) || lacksRequired(as, bs) || lacksRequired(bs, as)
}

// conjuncts are the schemas that a value of s satisfies all: s, what it refers to,
// its allOf.
func conjuncts(s *schema) []*schema {
	var out []*schema
	var add func(*schema)
	add = func(s *schema) {
		if s == nil || len(out) > 100 || slices.Contains(out, s) {
			return
		}
		out = append(out, s)
		add(s.ref)
		for _, sub := range s.all {
			add(sub)
		}
	}
	add(s)
	return out
}

// typesOf returns what types a value of all these may have.
func typesOf(all []*schema) types {
	t := anyType
	for _, s := range all {
		t &= s.types
		if s.values != nil {
			var of types
			for _, v := range s.values {
				of |= typeOf(v)
			}
			t &= of
		}
	}
	return t
}

// valuesDiffer tells whether both list their values and have none in common.
func valuesDiffer(as, bs []*schema) bool {
	for _, a := range as {
		for _, b := range bs {
			if a.values != nil && b.values != nil && !slices.ContainsFunc(a.values, func(v any) bool {
				return slices.ContainsFunc(b.values, func(w any) bool { return equal(v, w) })
			}) {
				return true
			}
		}
	}
	return false
}

// optionsDiffer tells whether all options of an anyOf or oneOf exclude the other side.
func (c *comparison) optionsDiffer(as, bs []*schema) bool {
	for _, a := range as {
		for _, options := range [][]*schema{a.any, a.one} {
			if options != nil && !slices.ContainsFunc(options, func(o *schema) bool { return !c.disjoint(o, bs[0]) }) {
				return true
			}
		}
	}
	return false
}

// membersDiffer tells whether both are objects that a required member tells apart.
func (c *comparison) membersDiffer(as, bs []*schema) bool {
	if typesOf(as)&typesOf(bs) != objectType {
		return false
	}
	for _, s := range slices.Concat(as, bs) {
		for _, name := range s.required {
			if c.memberDiffers(name, as, bs) {
				return true
			}
		}
	}
	return false
}

func (c *comparison) memberDiffers(name string, as, bs []*schema) bool {
	for _, a := range as {
		for _, b := range bs {
			if p, q := a.find(name), b.find(name); p != nil && q != nil && c.disjoint(p, q) {
				return true
			}
		}
	}
	return false
}

// lacksRequired tells whether both are objects and one requires a member that the
// other has no room for.
func lacksRequired(as, bs []*schema) bool {
	if typesOf(as)&typesOf(bs) != objectType {
		return false
	}
	for _, a := range as {
		for _, b := range bs {
			closed := b.additional != nil && b.additional.never && len(b.byPattern) == 0
			if closed && slices.ContainsFunc(a.required, func(name string) bool { return b.find(name) == nil }) {
				return true
			}
		}
	}
	return false
}
