//go:build cgo

package guidance

import "testing"

// TestNumbersAtTheEdgeOfTheirBounds judges by 2^53-1, the farthest bound that is served.
func TestNumbersAtTheEdgeOfTheirBounds(t *testing.T) {
	const vocab = "smollm2"
	for _, c := range []struct {
		schema string
		in     []string
		out    []string
	}{
		{
			`{"type":"integer","minimum":-9007199254740991,"maximum":9007199254740991}`,
			[]string{"0", "7", "-1", "9007199254740991", "-9007199254740991", "1000000000000000"},
			[]string{"9007199254740992", "-9007199254740992", "10000000000000000", "0.5"},
		},
		{
			`{"type":"number","exclusiveMinimum":-9007199254740991,"exclusiveMaximum":9007199254740991}`,
			[]string{"0", "9007199254740990", "-9007199254740990", "0.25"},
			[]string{"9007199254740991", "-9007199254740991", "9007199254740990.5e1"},
		},
	} {
		k := compileSchema(t, vocab, c.schema)
		if k == nil {
			t.Fatalf("%s is refused", c.schema)
		}
		for _, text := range c.in {
			if !accepts(t, vocabOf(t, vocab), k, text) {
				t.Errorf("%s: %s is kept out", c.schema, text)
			}
		}
		for _, text := range c.out {
			if accepts(t, vocabOf(t, vocab), k, text) {
				t.Errorf("%s: %s is let through", c.schema, text)
			}
		}
	}
}
