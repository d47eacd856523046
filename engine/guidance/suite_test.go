//go:build cgo

package guidance

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

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

// validator judges independently of us.
func validator(t testing.TB, schema string) *testschemas.Validator {
	t.Helper()
	v, err := testschemas.NewValidator(schema)
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	return v
}

func wantValid(t testing.TB, v *testschemas.Validator, text string) {
	t.Helper()
	if err := v.Check(text); err != nil {
		t.Fatal(err)
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
		v, err := testschemas.NewValidator(schema)
		if err != nil {
			unjudged++
			t.Logf("%s, %s: not judged: %v", c.File, c.Description, err)
			continue
		}
		for i := range 10 {
			if text, done := newWalker(t, vocab, uint64(i), 3*i).walk(k); done {
				finished++
				wantValid(t, v, text)
			}
		}
	}
	if admitted*10 < valid*8 {
		t.Errorf("only %d of %d valid instances are let through", admitted, valid)
	}
	t.Logf("%d schemas served, %d refused, %d not judged; %d walks finished; %d of %d valid instances let through",
		served, refused, unjudged, finished, admitted, valid)
}
