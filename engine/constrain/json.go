package constrain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"unicode/utf8"
)

// object is a JSON object with its keys in their order.
type object struct {
	keys   []string
	values map[string]any
}

// maxNesting bounds how deep JSON may nest; the C side stops at 128.
const maxNesting = 100

// decodeJSON reads one JSON value: nil, bool, json.Number, string, []any, *object.
// Errors: malformed, a key twice, not UTF-8, a lone surrogate, nested too deep.
func decodeJSON(src string) (any, error) {
	if !utf8.ValidString(src) {
		return nil, errors.New("it is not UTF-8")
	}
	if loneSurrogate(src) {
		return nil, errors.New("a string holds half of a surrogate pair")
	}
	d := json.NewDecoder(bytes.NewReader([]byte(src)))
	d.UseNumber()
	v, err := decodeValue(d, 0)
	if err != nil {
		return nil, malformed(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("malformed JSON: something follows the value")
	}
	return v, nil
}

func malformed(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("malformed JSON: it ends too early")
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("malformed JSON: %w", err)
	}
	return err
}

func decodeValue(d *json.Decoder, depth int) (any, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("it nests deeper than %d levels", maxNesting)
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		return decodeObject(d, depth)
	case json.Delim('['):
		return decodeArray(d, depth)
	}
	return t, nil
}

func decodeObject(d *json.Decoder, depth int) (any, error) {
	o := &object{values: map[string]any{}}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		key := t.(string)
		if _, twice := o.values[key]; twice {
			return nil, fmt.Errorf("the key %s stands twice in one object", quoted(key))
		}
		v, err := decodeValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		o.set(key, v)
	}
	_, err := d.Token()
	return o, err
}

func decodeArray(d *json.Decoder, depth int) (any, error) {
	a := []any{}
	for d.More() {
		v, err := decodeValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
	_, err := d.Token()
	return a, err
}

func newObject() *object { return &object{values: map[string]any{}} }

// set adds a key or gives it another value.
func (o *object) set(key string, v any) {
	if _, ok := o.values[key]; !ok {
		o.keys = append(o.keys, key)
	}
	o.values[key] = v
}

// MarshalJSON implements json.Marshaler, in the order of the keys.
func (o *object) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, k := range o.keys {
		if i > 0 {
			b = append(b, ',')
		}
		key, err := plainJSON(k)
		if err != nil {
			return nil, err
		}
		v, err := plainJSON(o.values[k])
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, key...), ':'), v...)
	}
	return append(b, '}'), nil
}

// plainJSON is json.Marshal without escapes for HTML.
func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// quoted is a name as an error shows it: short, and on one line.
func quoted(s string) string {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return fmt.Sprintf("%q", s)
}

// loneSurrogate tells whether JSON text has an escaped surrogate without its pair,
// which encoding/json would replace in silence.
func loneSurrogate(src string) bool {
	for i := 0; i+1 < len(src); i++ {
		if src[i] != '\\' {
			continue
		}
		i++
		switch r := escaped(src[i-1:]); {
		case r < 0xD800 || r > 0xDFFF:
		case r < 0xDC00 && i+11 <= len(src) && isLow(escaped(src[i+5:])):
			i += 10
		default:
			return true
		}
	}
	return false
}

func isLow(r int) bool { return 0xDC00 <= r && r <= 0xDFFF }

// escaped returns the number of a \uXXXX at the start of s; 0 for all else.
func escaped(s string) int {
	var r int
	if len(s) >= 6 && s[:2] == `\u` {
		if _, err := fmt.Sscanf(s[2:6], "%04x", &r); err == nil {
			return r
		}
	}
	return 0
}

// equal compares JSON values as JSON Schema does: 1 is 1.0, keys have no order.
func equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		n, ok := b.(json.Number)
		return ok && rational(a).Cmp(rational(n)) == 0
	case []any:
		n, ok := b.([]any)
		if !ok || len(a) != len(n) {
			return false
		}
		for i := range a {
			if !equal(a[i], n[i]) {
				return false
			}
		}
		return true
	case *object:
		n, ok := b.(*object)
		if !ok || len(a.keys) != len(n.keys) {
			return false
		}
		for k, v := range a.values {
			if w, ok := n.values[k]; !ok || !equal(v, w) {
				return false
			}
		}
		return true
	}
	switch b.(type) {
	case json.Number, []any, *object:
		return false
	}
	return a == b
}

// rational is the exact value of a number that checkNumber has let through.
func rational(n json.Number) *big.Rat {
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		return new(big.Rat)
	}
	return r
}
