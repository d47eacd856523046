package constrain

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// keyword says what becomes of a keyword: read, refused for a reason, or, with
// neither, let through as an annotation that asks for nothing.
type keyword struct {
	read    func(r *reader, s *schema, v any, depth int) error
	refused string
}

// keywords are all that we know; every other one is refused. docs/structured-output.md
// has them as a table.
var keywords map[string]keyword

func init() {
	keywords = map[string]keyword{
		"title": {}, "description": {}, "default": {}, "examples": {}, "example": {}, "$comment": {},
		"deprecated": {}, "readOnly": {}, "writeOnly": {}, "discriminator": {}, "$anchor": {},
		"$defs": {read: readDefinitions}, "definitions": {read: readDefinitions},
		"$schema": {read: readDialect}, "$id": {read: readID}, "$ref": {read: readRef},

		"type": {read: readType}, "enum": {read: readEnum}, "const": {read: readConst},
		"allOf": {read: readAllOf}, "anyOf": {read: readAnyOf}, "oneOf": {read: readOneOf},

		"minimum": {read: readNumber("minimum")}, "maximum": {read: readNumber("maximum")},
		"exclusiveMinimum": {read: readNumber("exclusiveMinimum")},
		"exclusiveMaximum": {read: readNumber("exclusiveMaximum")},
		"multipleOf":       {read: readMultipleOf},

		"minLength": {read: readCount("minLength", maxLength)}, "maxLength": {read: readCount("maxLength", maxLength)},
		"pattern": {read: readPattern}, "format": {read: readFormat},

		"items": {read: readItems}, "prefixItems": {read: readPrefixItems},
		"minItems": {read: readCount("minItems", maxItems)}, "maxItems": {read: readCount("maxItems", maxItems)},
		"uniqueItems": {read: readUniqueItems},

		"properties": {read: readProperties}, "patternProperties": {read: readPatternProperties},
		"additionalProperties": {read: readAdditional}, "required": {read: readRequired},
		"minProperties": {read: readCount("minProperties", maxItems)},
		"maxProperties": {read: readCount("maxProperties", maxItems)},

		"not":                   {refused: "a mask can't exclude what a schema describes"},
		"if":                    {refused: "use anyOf with one schema for each case"},
		"then":                  {refused: "use anyOf with one schema for each case"},
		"else":                  {refused: "use anyOf with one schema for each case"},
		"contains":              {refused: "say with items what every item is"},
		"minContains":           {refused: "say with items what every item is"},
		"maxContains":           {refused: "say with items what every item is"},
		"propertyNames":         {refused: "use patternProperties with additionalProperties false"},
		"dependentRequired":     {refused: "use anyOf with one schema for each case"},
		"dependentSchemas":      {refused: "use anyOf with one schema for each case"},
		"dependencies":          {refused: "use anyOf with one schema for each case"},
		"unevaluatedItems":      {refused: "use items false"},
		"unevaluatedProperties": {refused: "use additionalProperties false"},
		"additionalItems":       {refused: "use prefixItems and items"},
		"contentEncoding":       {refused: "use pattern"},
		"contentMediaType":      {refused: "use a schema for the content itself"},
		"contentSchema":         {refused: "use a schema for the content itself"},
		"nullable":              {refused: "use a type of [..., \"null\"]"},
		"$dynamicRef":           {refused: "use $ref"},
		"$dynamicAnchor":        {refused: "use $defs and $ref"},
		"$recursiveRef":         {refused: "use $ref"},
		"$recursiveAnchor":      {refused: "use $defs and $ref"},
		"$vocabulary":           {refused: "only the standard vocabularies are known"},
		"id":                    {refused: "use $id"},
		"x-guidance":            {refused: "how answers are laid out is not the client's choice"},
	}
}

// Counts beyond these cost a state per step, and no model gets so far.
const (
	maxLength = 20_000 // characters
	maxItems  = 20_000 // items, members
)

// dialects are the ends of the $schema that we read; what differs between them is refused.
var dialects = []string{"/draft/2020-12/schema", "/draft/2019-09/schema", "/draft-07/schema", "/draft-06/schema"}

func readDialect(_ *reader, s *schema, v any, _ int) error {
	uri, _ := v.(string)
	uri = strings.TrimSuffix(uri, "#")
	if s.at != "" || !slices.ContainsFunc(dialects, func(d string) bool { return strings.HasSuffix(uri, d) }) {
		return fmt.Errorf("%s is no dialect that is read here, at the top: draft 2020-12, 2019-09, 07 and 06 are", quoted(uri))
	}
	return nil
}

func readID(_ *reader, s *schema, v any, _ int) error {
	if _, ok := v.(string); !ok {
		return errors.New("it must be a string")
	}
	if s.at != "" {
		return errors.New("only the top may have one: references within it can't be followed")
	}
	return nil
}

// readDefinitions leaves what is defined to the references that name it.
func readDefinitions(_ *reader, _ *schema, v any, _ int) error {
	if _, ok := v.(*object); !ok {
		return errors.New("it must be an object")
	}
	return nil
}

func readRef(r *reader, s *schema, v any, _ int) error {
	ref, ok := v.(string)
	if !ok {
		return errors.New("it must be a string")
	}
	pointer, err := url.PathUnescape(strings.TrimPrefix(ref, "#"))
	if !strings.HasPrefix(ref, "#") || pointer != "" && pointer[0] != '/' || err != nil {
		return fmt.Errorf("%s can't be followed: only references within the schema can, such as #/$defs/name", quoted(ref))
	}
	target, ok := r.targets[pointer]
	if len(r.order) == maxTargets && !ok {
		return fmt.Errorf("references lead to more than %d places", maxTargets)
	}
	if !ok {
		target = &schema{at: pointer, definition: len(r.order) + 1}
		r.targets[pointer] = target
		r.order = append(r.order, target)
		r.pending = append(r.pending, pointer)
	}
	s.ref = target
	return nil
}

func readType(_ *reader, s *schema, v any, _ int) error {
	names, ok := v.([]any)
	if !ok {
		names = []any{v}
	}
	s.types = 0
	for _, n := range names {
		name, _ := n.(string)
		t, ok := typeNames[name]
		if !ok {
			return fmt.Errorf("there is no type %v", n)
		}
		s.types |= t
	}
	if s.types == 0 {
		return errors.New("it names no type")
	}
	return nil
}

func readEnum(_ *reader, s *schema, v any, _ int) error {
	values, ok := v.([]any)
	if !ok {
		return errors.New("it must be an array")
	}
	if len(values) == 0 {
		return errors.New("it is empty: no answer can satisfy it")
	}
	return s.takeValues(values)
}

func readConst(_ *reader, s *schema, v any, _ int) error { return s.takeValues([]any{v}) }

// takeValues keeps the values that enum and const have in common.
func (s *schema) takeValues(values []any) error {
	for _, v := range values {
		if err := checkValue(v); err != nil {
			return err
		}
	}
	common := []any{}
	for _, v := range values {
		if s.values == nil || slices.ContainsFunc(s.values, func(w any) bool { return equal(v, w) }) {
			common = append(common, v)
		}
	}
	s.values = common
	return nil
}

// checkValue refuses what an answer could not spell in just one way.
func checkValue(v any) error {
	switch v := v.(type) {
	case string:
		return checkText(v)
	case json.Number:
		return checkNumber(v)
	case []any:
		for _, w := range v {
			if err := checkValue(w); err != nil {
				return err
			}
		}
	case *object:
		for k, w := range v.values {
			if err := cmp.Or(checkText(k), checkValue(w)); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkText refuses control characters that only \u could spell: strings are
// written without \u, so that each has one spelling and no name comes in disguise.
func checkText(s string) error {
	if strings.ContainsFunc(s, func(c rune) bool { return c == 0x7F || c < 0x20 && !strings.ContainsRune("\b\f\n\r\t", c) }) {
		return fmt.Errorf("the control character in %s can't be written", quoted(s))
	}
	return nil
}

func readAllOf(r *reader, s *schema, v any, depth int) (err error) {
	s.all, err = r.readList(s, "allOf", v, depth)
	return err
}

func readAnyOf(r *reader, s *schema, v any, depth int) (err error) {
	s.any, err = r.readList(s, "anyOf", v, depth)
	return err
}

func readOneOf(r *reader, s *schema, v any, depth int) (err error) {
	s.one, err = r.readList(s, "oneOf", v, depth)
	return err
}

func (r *reader) readList(s *schema, name string, v any, depth int) ([]*schema, error) {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil, errors.New("it must be an array of schemas")
	}
	var out []*schema
	for i, v := range list {
		sub, err := r.read(v, below(s.at, name, i), depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, sub)
	}
	return out, nil
}

func readItems(r *reader, s *schema, v any, depth int) (err error) {
	if _, ok := v.([]any); ok {
		return errors.New("a list of schemas is not read: use prefixItems")
	}
	s.items, err = r.read(v, below(s.at, "items"), depth+1)
	return err
}

func readPrefixItems(r *reader, s *schema, v any, depth int) (err error) {
	s.prefix, err = r.readList(s, "prefixItems", v, depth)
	return err
}

func readUniqueItems(_ *reader, _ *schema, v any, _ int) error {
	if v != false {
		return errors.New("it can't be enforced: leave it out, or make a property of each item")
	}
	return nil
}

func readProperties(r *reader, s *schema, v any, depth int) (err error) {
	s.properties, err = r.readMembers(s, "properties", v, depth)
	for _, p := range s.properties {
		err = cmp.Or(err, checkText(p.name))
	}
	return err
}

func readPatternProperties(r *reader, s *schema, v any, depth int) (err error) {
	s.byPattern, err = r.readMembers(s, "patternProperties", v, depth)
	for i, p := range s.byPattern {
		low, e := lowerPattern(p.name)
		s.byPattern[i].name = low
		err = cmp.Or(err, e)
	}
	return err
}

func (r *reader) readMembers(s *schema, name string, v any, depth int) ([]property, error) {
	o, ok := v.(*object)
	if !ok {
		return nil, errors.New("it must be an object of schemas")
	}
	var out []property
	for _, k := range o.keys {
		sub, err := r.read(o.values[k], below(s.at, name, k), depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, property{k, sub})
	}
	return out, nil
}

func readAdditional(r *reader, s *schema, v any, depth int) (err error) {
	s.additional, err = r.read(v, below(s.at, "additionalProperties"), depth+1)
	return err
}

func readRequired(_ *reader, s *schema, v any, _ int) error {
	names, ok := v.([]any)
	if !ok {
		return errors.New("it must be an array of strings")
	}
	for _, n := range names {
		name, ok := n.(string)
		if !ok {
			return errors.New("it must be an array of strings")
		}
		if err := checkText(name); err != nil {
			return err
		}
		if !slices.Contains(s.required, name) {
			s.required = append(s.required, name)
		}
	}
	return nil
}

func readPattern(_ *reader, s *schema, v any, _ int) error {
	p, ok := v.(string)
	if !ok {
		return errors.New("it must be a string")
	}
	low, err := lowerPattern(p)
	s.patterns = append(s.patterns, low)
	return err
}

func readFormat(_ *reader, s *schema, v any, _ int) error {
	name, _ := v.(string)
	p, ok := formats[name]
	if !ok {
		return fmt.Errorf("there is no way to enforce the format %v", v)
	}
	low, err := lowerPattern("^(?:" + p + ")$")
	s.patterns = append(s.patterns, low)
	return err
}
