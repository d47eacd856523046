package constrain

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// How JSON answers are laid out: {"a": 1, "b": [2, 3]}, one way, so that blanks cost
// few tokens and most of those between values are forced. \u is no allowed escape:
// each string has one spelling, so a name can't come in disguise, and no half of a
// surrogate pair comes at all.
const (
	itemSeparator = ", "
	keySeparator  = ": "
	escapes       = `nrbtf\"`
)

// write gives a schema in the words that llguidance enforces. Keywords come before
// those that combine schemas, so that properties and additionalProperties are seen
// together.
func (r *reader) write(root *schema) (string, error) {
	out := r.schema(root)
	o, ok := out.(*object)
	if !ok {
		o = newObject()
	}
	if len(r.order) > 0 {
		defs := newObject()
		for _, s := range r.order {
			defs.set(fmt.Sprint(s.definition), r.schema(s))
		}
		o.set("$defs", defs)
	}
	layout := newObject()
	layout.set("whitespace_flexible", false)
	layout.set("item_separator", itemSeparator)
	layout.set("key_separator", keySeparator)
	layout.set("json_allowed_escapes", escapes)
	o.set("x-guidance", layout)
	b, err := plainJSON(o)
	return string(b), err
}

func (r *reader) schema(s *schema) any {
	if s.never || !s.satisfiable {
		return false
	}
	o := newObject()
	if s.types != anyType {
		o.set("type", s.types.names())
	}
	s.writeScalars(o)
	r.writeArray(s, o)
	r.writeObject(s, o)
	if s.values != nil {
		o.set("enum", s.values)
	}
	if s.ref != nil {
		o.set("$ref", fmt.Sprintf("#/$defs/%d", s.ref.definition))
	}
	r.writeCombined(s, o)
	if len(o.keys) == 0 {
		return true
	}
	return o
}

// relevant tells whether a keyword can touch a value of s.
func (s *schema) relevant(keyword string) bool { return s.types&applies[keyword] != 0 }

func (s *schema) writeScalars(o *object) {
	for _, k := range []string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"} {
		if n, ok := s.numbers[k]; ok && s.relevant(k) {
			s.writeNumber(o, k, n)
		}
	}
	for _, k := range []string{"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"} {
		if n, ok := s.counts[k]; ok && s.relevant(k) {
			o.set(k, n)
		}
	}
	if len(s.patterns) > 0 && s.relevant("pattern") {
		o.set("pattern", s.patterns[0])
	}
}

// writeNumber writes a bound. Where fractions are allowed, an exclusive one becomes
// an inclusive one a little further in: llguidance 1.9.1 lets 0 through for
// {"exclusiveMinimum": 0, "maximum": 0.75}.
func (s *schema) writeNumber(o *object, keyword string, n json.Number) {
	f, _ := n.Float64()
	switch {
	case s.types&fractionType == 0:
		o.set(keyword, n)
	case keyword == "exclusiveMinimum":
		s.tighten(o, "minimum", above(f), math.Max)
	case keyword == "exclusiveMaximum":
		s.tighten(o, "maximum", -above(-f), math.Min)
	default:
		o.set(keyword, n)
	}
}

func (s *schema) tighten(o *object, keyword string, bound float64, pick func(a, b float64) float64) {
	if n, ok := s.numbers[keyword]; ok {
		f, _ := n.Float64()
		bound = pick(bound, f)
	}
	o.set(keyword, json.Number(strconv.FormatFloat(bound, 'f', -1, 64)))
}

// above returns a number a little above f, with few digits.
func above(f float64) float64 {
	switch size := math.Abs(f); {
	case size < 1e5:
		return math.Round((f+1e-9)*1e9) / 1e9
	case size < 1e11:
		return math.Round((f+1e-3)*1e3) / 1e3
	}
	return math.Floor(f) + 1
}

func (r *reader) writeArray(s *schema, o *object) {
	if s.prefix != nil && s.relevant("prefixItems") {
		o.set("prefixItems", r.list(s.prefix))
	}
	if s.items != nil && s.relevant("items") {
		o.set("items", r.schema(s.items))
	}
}

func (r *reader) writeObject(s *schema, o *object) {
	if !s.relevant("properties") {
		return
	}
	if len(s.properties) > 0 {
		o.set("properties", r.members(s.properties))
	}
	if len(s.byPattern) > 0 {
		o.set("patternProperties", r.members(s.byPattern))
	}
	if s.additional != nil {
		o.set("additionalProperties", r.schema(s.additional))
	}
	if len(s.required) > 0 {
		o.set("required", s.required)
	}
}

// writeCombined writes what holds beside the other keywords. The options of oneOf
// exclude each other by now: see checkChoices.
func (r *reader) writeCombined(s *schema, o *object) {
	var all []any
	for i, p := range s.patterns {
		if i > 0 && s.relevant("pattern") {
			and := newObject()
			and.set("pattern", p)
			all = append(all, and)
		}
	}
	all = append(all, r.list(s.all)...)
	if s.one != nil {
		and := newObject()
		and.set("anyOf", r.list(s.one))
		all = append(all, and)
	}
	if len(all) > 0 {
		o.set("allOf", all)
	}
	if s.any != nil {
		o.set("anyOf", r.list(s.any))
	}
}

func (r *reader) list(list []*schema) []any {
	var out []any
	for _, s := range list {
		out = append(out, r.schema(s))
	}
	return out
}

func (r *reader) members(list []property) *object {
	o := newObject()
	for _, p := range list {
		o.set(p.name, r.schema(p.schema))
	}
	return o
}
