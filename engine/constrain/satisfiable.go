package constrain

import (
	"encoding/json"
	"slices"
)

// markSatisfiable finds out what some finite value can satisfy, as far as required
// members, items and references decide. A schema that needs itself has no value.
// The marks only grow, from none, so what is left unmarked is the largest that
// can't be satisfied.
func (r *reader) markSatisfiable(root *schema) {
	all := append(slices.Clone(r.order), root)
	for grew := true; grew; {
		grew = false
		for _, s := range all {
			if mark(s) {
				grew = true
			}
		}
	}
}

// mark marks what is within s, then s; it tells whether a mark is new.
func mark(s *schema) bool {
	grew := false
	for _, sub := range s.parts() {
		grew = mark(sub) || grew
	}
	if s.satisfiable || !s.possible() {
		return grew
	}
	s.satisfiable = true
	return true
}

// parts are the schemas within s; references lead elsewhere.
func (s *schema) parts() []*schema {
	parts := slices.Concat(s.all, s.any, s.one, s.prefix)
	for _, p := range slices.Concat(s.properties, s.byPattern) {
		parts = append(parts, p.schema)
	}
	for _, sub := range []*schema{s.additional, s.items} {
		if sub != nil {
			parts = append(parts, sub)
		}
	}
	return parts
}

func isSatisfiable(s *schema) bool { return s.satisfiable }

// possible tells whether nothing speaks against s, by the marks so far.
func (s *schema) possible() bool {
	switch {
	case s.never, s.ref != nil && !s.ref.satisfiable:
		return false
	case s.any != nil && !slices.ContainsFunc(s.any, isSatisfiable):
		return false
	case s.one != nil && !slices.ContainsFunc(s.one, isSatisfiable):
		return false
	case slices.ContainsFunc(s.all, func(sub *schema) bool { return !sub.satisfiable }):
		return false
	}
	left := s.types
	if !s.arrayPossible() {
		left &^= arrayType
	}
	if !s.objectPossible() {
		left &^= objectType
	}
	return left != 0 && s.valuePossible(left)
}

func (s *schema) valuePossible(left types) bool {
	return s.values == nil || slices.ContainsFunc(s.values, func(v any) bool { return typeOf(v)&left != 0 && s.within(v) })
}

// within tells whether a value of enum or const keeps the bounds of numbers.
func (s *schema) within(v any) bool {
	n, ok := v.(json.Number)
	if !ok {
		return true
	}
	for k, bound := range s.numbers {
		c := rational(n).Cmp(rational(bound))
		if k == "minimum" && c < 0 || k == "maximum" && c > 0 || k == "exclusiveMinimum" && c <= 0 || k == "exclusiveMaximum" && c >= 0 {
			return false
		}
	}
	return true
}

func (s *schema) arrayPossible() bool {
	least := s.counts["minItems"]
	if most, ok := s.counts["maxItems"]; ok && least > most {
		return false
	}
	for i, p := range s.prefix {
		if i < least && !p.satisfiable {
			return false
		}
	}
	return least <= len(s.prefix) || s.items == nil || s.items.satisfiable
}

func (s *schema) objectPossible() bool {
	if most, ok := s.counts["maxProperties"]; ok && (len(s.required) > most || s.counts["minProperties"] > most) {
		return false
	}
	for _, name := range s.required {
		sub := s.find(name)
		if sub == nil && len(s.byPattern) == 0 {
			sub = s.additional
		}
		if sub != nil && !sub.satisfiable {
			return false
		}
	}
	return true
}
