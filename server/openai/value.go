package openai

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// firstMistake remembers the first thing that was wrong with a body. Readers go
// on with zero values after it, so that decoding needs no error check per field.
type firstMistake struct{ e *Error }

func (f *firstMistake) err() error {
	if f.e == nil {
		return nil
	}
	return f.e
}

// value is a piece of JSON and its place in the body. Absent and null are the same.
type value struct {
	raw   json.RawMessage
	path  string // as in messages[0].content; empty for the body itself
	first *firstMistake
}

// fail notes a mistake in the value, unless there was one before.
func (v value) fail(code, format string, args ...any) {
	if v.first.e == nil {
		v.first.e = badRequest(v.path, code, format, args...)
	}
}

// isSet tells whether the value is there and not null.
func (v value) isSet() bool { return len(v.raw) > 0 && string(v.raw) != "null" }

// kind names the JSON type of a value.
func (v value) kind() string {
	if len(v.raw) == 0 {
		return "null"
	}
	switch v.raw[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}

// is notes a mistake when the value is of another kind.
func (v value) is(kind string) bool {
	if v.kind() == kind {
		return true
	}
	v.wrongType(kind)
	return false
}

func (v value) wrongType(want string) {
	if v.path == "" {
		v.fail("invalid_type", "Invalid type for the request body: expected an object, but got %s instead.", article(v.kind()))
		return
	}
	v.fail("invalid_type", "Invalid type for '%s': expected %s, but got %s instead.", v.path, article(want), article(v.kind()))
}

// article puts the right article before the name of a kind.
func article(kind string) string {
	switch kind {
	case "null":
		return kind
	case "object", "array", "integer":
		return "an " + kind
	}
	return "a " + kind
}

// missing notes that a required value is not there.
func (v value) missing() {
	v.fail("missing_required_parameter", "Missing required parameter: '%s'.", v.path)
}

func (v value) str() string {
	var s string
	if v.isSet() && v.is("string") {
		v.decode(&s)
	}
	return s
}

func (v value) boolean() bool {
	return v.isSet() && v.is("boolean") && v.raw[0] == 't'
}

// number returns a finite number within [lo, hi], or def when it is not set.
func (v value) number(lo, hi, def float64) float64 {
	if !v.isSet() || !v.is("number") {
		return def
	}
	x, err := strconv.ParseFloat(string(v.raw), 64)
	switch {
	case err != nil:
		v.fail("invalid_value", "Invalid '%s': the number is too large.", v.path)
	case x < lo:
		v.fail("decimal_below_min_value", "Invalid '%s': decimal below minimum value. Expected a value >= %g, but got %g instead.", v.path, lo, x)
	case x > hi:
		v.fail("decimal_above_max_value", "Invalid '%s': decimal above maximum value. Expected a value <= %g, but got %g instead.", v.path, hi, x)
	default:
		return x
	}
	return def
}

// integer returns a whole number within [lo, hi], or def when it is not set. 8.0 and 1e3 are whole.
func (v value) integer(lo, hi, def int64) int64 {
	if !v.isSet() || !v.is("number") {
		return def
	}
	n, ok := whole(string(v.raw))
	switch {
	case !ok:
		v.fail("invalid_type", "Invalid type for '%s': expected an integer in the range of 64 bits, but got %s instead.", v.path, shorten(string(v.raw)))
	case n < lo:
		v.fail("integer_below_min_value", "Invalid '%s': integer below minimum value. Expected a value >= %d, but got %d instead.", v.path, lo, n)
	case n > hi:
		v.fail("integer_above_max_value", "Invalid '%s': integer above maximum value. Expected a value <= %d, but got %d instead.", v.path, hi, n)
	default:
		return n
	}
	return def
}

// whole reads a number without a fraction.
func whole(s string) (int64, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	const exact = 1 << 53 // beyond it floats skip whole numbers
	x, err := strconv.ParseFloat(s, 64)
	return int64(x), err == nil && x == math.Trunc(x) && math.Abs(x) <= exact
}

// enum returns one of the strings allowed, or "" when it is not set.
func (v value) enum(allowed ...string) string {
	s := v.str()
	if v.isSet() && !slices.Contains(allowed, s) {
		v.fail("invalid_value", "Invalid value: '%s'. Supported values are: '%s'.", shorten(s), strings.Join(allowed, "', '"))
	}
	return s
}

// text returns a string of at most that many characters.
func (v value) text(most int) string {
	s := v.str()
	if n := utf8.RuneCountInString(s); n > most {
		v.fail("string_above_max_length", "Invalid '%s': string too long. Expected a string with maximum length %d, but got a string with length %d instead.", v.path, most, n)
	}
	return s
}

// items returns the elements of an array, each with its place.
func (v value) items() []value {
	var raws []json.RawMessage
	if !v.isSet() || !v.is("array") {
		return nil
	}
	v.decode(&raws)
	vs := make([]value, len(raws))
	for i, raw := range raws {
		vs[i] = value{raw, fmt.Sprintf("%s[%d]", v.path, i), v.first}
	}
	return vs
}

// object opens a JSON object; a value that is not set gives an empty one.
func (v value) object() object {
	o := object{value: v}
	if (v.isSet() || v.path == "") && v.is("object") {
		v.decode(&o.fields)
	}
	return o
}

// decode reads what has been found to be well formed and of the right kind.
func (v value) decode(into any) {
	if err := json.Unmarshal(v.raw, into); err != nil {
		v.fail("invalid_value", "Invalid '%s': it could not be read.", v.path)
	}
}

// object is a JSON object whose fields are read one by one. Of a name given twice the last counts.
type object struct {
	value
	fields map[string]json.RawMessage
}

// get returns a field; one that is not there is not set.
func (o object) get(name string) value {
	path := name
	if o.path != "" {
		path = o.path + "." + name
	}
	return value{bytes.TrimSpace(o.fields[name]), path, o.first}
}

// need returns a field and notes a mistake when it is not set.
func (o object) need(name string) value {
	v := o.get(name)
	if !v.isSet() {
		v.missing()
	}
	return v
}

// names returns the names of the fields, sorted, so that the first mistake is always the same one.
func (o object) names() []string {
	names := make([]string, 0, len(o.fields))
	for name := range o.fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
