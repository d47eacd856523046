package constrain

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	maxSchemas = 5000 // in one document, true and false aside
	maxTargets = 1000 // of references
	maxDepth   = 40   // of one within another; each costs two levels of JSON
)

// schema is what we understand of a JSON schema. What it says of other types than
// those of a value doesn't touch that value.
type schema struct {
	at    string // JSON pointer, for errors
	never bool   // false: nothing satisfies it

	types    types
	values   []any // of enum and const; nil: any value
	numbers  map[string]json.Number
	counts   map[string]int
	patterns []string // in the dialect of lowerPattern; a string must match all

	properties []property
	byPattern  []property
	additional *schema
	required   []string
	prefix     []*schema
	items      *schema

	ref         *schema
	all, any    []*schema
	one         []*schema
	definition  int  // under $defs when lowered; 0: not one
	satisfiable bool // see markSatisfiable
}

// property is a schema for the members of that name, or of names that match.
type property struct {
	name   string
	schema *schema
}

// reader turns a decoded document into schemas.
type reader struct {
	root    any
	targets map[string]*schema // of $ref, by JSON pointer
	order   []*schema          // the same
	pending []string
	count   int
}

// lowerSchema checks a schema and writes what of it llguidance is to enforce.
func lowerSchema(src string) (string, error) {
	root, err := decodeJSON(src)
	if err != nil {
		return "", err
	}
	r := &reader{root: root, targets: map[string]*schema{}}
	s, err := r.readAll()
	if err != nil {
		return "", err
	}
	r.markSatisfiable(s)
	if !s.satisfiable {
		return "", errors.New("no answer can satisfy it")
	}
	if err := r.checkChoices(s); err != nil {
		return "", err
	}
	return r.write(s)
}

// readAll reads the root, and then what references name until none is left.
func (r *reader) readAll() (*schema, error) {
	s, err := r.read(r.root, "", 0)
	for err == nil && len(r.pending) > 0 {
		pointer := r.pending[0]
		r.pending = r.pending[1:]
		err = r.readTarget(pointer)
	}
	return s, err
}

func (r *reader) readTarget(pointer string) error {
	v, err := resolve(r.root, pointer)
	if err != nil {
		return err
	}
	s, err := r.read(v, pointer, 0)
	if err != nil {
		return err
	}
	target := r.targets[pointer]
	s.definition = target.definition
	*target = *s
	return nil
}

func (r *reader) read(v any, at string, depth int) (*schema, error) {
	s := &schema{at: at, types: anyType, numbers: map[string]json.Number{}, counts: map[string]int{}}
	if b, ok := v.(bool); ok {
		s.never = !b
		return s, nil
	}
	o, ok := v.(*object)
	if !ok {
		return nil, fmt.Errorf("at %s: a schema is an object, true or false", place(at))
	}
	if r.count++; r.count > maxSchemas {
		return nil, fmt.Errorf("it holds more than %d schemas", maxSchemas)
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("its schemas nest deeper than %d levels", maxDepth)
	}
	for _, k := range o.keys {
		if err := r.keyword(s, k, o.values[k], depth); err != nil {
			return nil, err
		}
	}
	return s, s.settle(o)
}

// keyword takes one keyword into s, or refuses it.
func (r *reader) keyword(s *schema, name string, v any, depth int) error {
	k, known := keywords[name]
	switch {
	case known && k.refused != "":
		return fmt.Errorf("the keyword %s at %s can't be enforced: %s", name, place(s.at), k.refused)
	case known && k.read == nil:
		return nil
	case known:
		if err := k.read(r, s, v, depth); err != nil {
			return fmt.Errorf("%s at %s: %w", name, place(s.at), err)
		}
		return nil
	case strings.HasPrefix(name, "x-") && name != "x-guidance":
		return nil
	}
	return fmt.Errorf("the keyword %s at %s is not known", quoted(name), place(s.at))
}

// place is a JSON pointer as an error shows it.
func place(at string) string {
	if at == "" {
		return "the top"
	}
	return quoted(at)
}

// resolve follows a JSON pointer.
func resolve(v any, pointer string) (any, error) {
	if pointer == "" {
		return v, nil
	}
	for _, step := range strings.Split(pointer[1:], "/") {
		step = strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
		switch in := v.(type) {
		case *object:
			next, ok := in.values[step]
			if !ok {
				return nil, fmt.Errorf("$ref: nothing is at #%s", pointer)
			}
			v = next
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(in) || strconv.Itoa(i) != step {
				return nil, fmt.Errorf("$ref: nothing is at #%s", pointer)
			}
			v = in[i]
		default:
			return nil, fmt.Errorf("$ref: nothing is at #%s", pointer)
		}
	}
	return v, nil
}

// below is the pointer of a part of a schema.
func below(at string, steps ...any) string {
	for _, s := range steps {
		step := strings.ReplaceAll(strings.ReplaceAll(fmt.Sprint(s), "~", "~0"), "/", "~1")
		at += "/" + step
	}
	return at
}

// settle decides what several keywords say together.
func (s *schema) settle(o *object) error {
	if s.values != nil && len(s.values) == 0 {
		return fmt.Errorf("const and enum at %s have no value in common", place(s.at))
	}
	for _, pair := range [][2]string{{"minLength", "maxLength"}, {"minItems", "maxItems"}, {"minProperties", "maxProperties"}} {
		if low, ok := s.counts[pair[0]]; ok {
			if high, ok := s.counts[pair[1]]; ok && low > high && s.types.onlyFor(pair[0]) {
				return fmt.Errorf("%s is greater than %s at %s", pair[0], pair[1], place(s.at))
			}
		}
	}
	return s.settleProperties()
}

// settleProperties refuses minProperties where members of one name could make up
// for a missing one: JSON allows a name twice, and a mask can't forbid it.
func (s *schema) settleProperties() error {
	least, ok := s.counts["minProperties"]
	if !ok || least <= len(s.required) {
		delete(s.counts, "minProperties")
		return nil
	}
	if least > len(s.required)+1 {
		return fmt.Errorf("the keyword minProperties at %s can't be enforced: a name could come twice; name the members in required", place(s.at))
	}
	return nil
}

// find returns the schema that properties gives a name.
func (s *schema) find(name string) *schema {
	i := slices.IndexFunc(s.properties, func(p property) bool { return p.name == name })
	if i < 0 {
		return nil
	}
	return s.properties[i].schema
}
