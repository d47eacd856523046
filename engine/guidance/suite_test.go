//go:build cgo

package guidance

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/moltbot/moltbot/engine/constrain"
	"github.com/moltbot/moltbot/internal/testschemas"
)

// compileSchema returns nil where the schema is refused.
func compileSchema(t testing.TB, vocab, schema string) constrain.Constraint {
	t.Helper()
	c, err := compilerOf(t, vocab).Compile(t.Context(), constrain.Grammar{Kind: constrain.JSONSchema, Source: schema})
	var refused *constrain.RefusedError
	if err != nil && !errors.As(err, &refused) {
		t.Fatalf("%s: %v", schema, err)
	}
	if err != nil {
		t.Logf("%.200s: %v", schema, err)
		return nil
	}
	return c
}

// validator judges independently of us, formats too.
func validator(t testing.TB, schema string) *jsonschema.Schema {
	t.Helper()
	v, err := tryValidator(schema)
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	return v
}

func tryValidator(schema string) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("schema.json")
}

// huge is an exponent that the validator would spell out.
var huge = regexp.MustCompile(`[eE][+-]?\d{4}`)

func wantValid(t testing.TB, v *jsonschema.Schema, schema, text string) {
	t.Helper()
	if huge.MatchString(text) {
		return
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("schema %s: the answer %q is no JSON: %v", schema, text, err)
	}
	if err := v.Validate(value); err != nil {
		t.Fatalf("schema %s: the answer %q is not valid: %v", schema, text, err)
	}
}

// accepts tells whether a text is a whole answer.
func accepts(t testing.TB, vocab realVocab, c constrain.Constraint, text string) bool {
	t.Helper()
	m, err := c.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	tokens, err := vocab.Tokenize(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range tokens {
		if m.Ended() || m.Accept(token) != nil {
			return false
		}
	}
	mask := make([]uint32, (vocab.Len()+31)/32)
	if err := m.Mask(mask); err != nil {
		return false
	}
	for _, token := range set(mask) {
		if vocab.IsEOG(token) {
			return true
		}
	}
	return false
}

// laidOut writes an instance as answers are laid out: a blank behind each comma and colon.
func laidOut(t testing.TB, data json.RawMessage) string {
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	quoted, escaped := false, false
	for _, c := range compact.Bytes() {
		out.WriteByte(c)
		switch {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == ':'):
			out.WriteByte(' ')
		}
	}
	return out.String()
}

func TestTheSuiteIsRefusedOrEnforced(t *testing.T) {
	const vocab = "smollm2"
	words := vocabOf(t, vocab)
	var served, refused, unjudged, finished, valid, admitted int
	for _, c := range testschemas.Suite(t) {
		schema := string(c.Schema)
		k := compileSchema(t, vocab, schema)
		if k == nil {
			refused++
			continue
		}
		served++
		for _, test := range c.Tests {
			ok := accepts(t, words, k, laidOut(t, test.Data))
			if ok && !test.Valid {
				t.Errorf("%s, %s: %s: the schema %s lets %s through", c.File, c.Description, test.Description, schema, test.Data)
			}
			if test.Valid {
				valid++
			}
			if ok {
				admitted++
			}
		}
		v, err := tryValidator(schema)
		if err != nil {
			unjudged++
			t.Logf("%s, %s: not judged: %v", c.File, c.Description, err)
			continue
		}
		for i := range 10 {
			if text, done := newWalker(t, vocab, uint64(i), 3*i).walk(k); done {
				finished++
				wantValid(t, v, schema, text)
			}
		}
	}
	if admitted*10 < valid*8 {
		t.Errorf("only %d of %d valid instances are let through", admitted, valid)
	}
	t.Logf("%d schemas served, %d refused, %d not judged; %d walks finished; %d of %d valid instances let through",
		served, refused, unjudged, finished, admitted, valid)
}
