package constrain

import (
	"strings"
	"testing"
)

func TestTheBoundsOfWholeNumbersThatClientsStateAreServed(t *testing.T) {
	for _, schema := range []string{
		`{"type":"integer","minimum":-9007199254740991,"maximum":9007199254740991}`,
		`{"type":"number","exclusiveMinimum":-9007199254740991,"exclusiveMaximum":9007199254740991}`,
	} {
		if _, err := Lower(Grammar{Kind: JSONSchema, Source: schema}); err != nil {
			t.Errorf("%s: %v", schema, err)
		}
	}
	for _, schema := range []string{`{"maximum":9007199254740992}`, `{"const":-9007199254740992}`} {
		if _, err := Lower(Grammar{Kind: JSONSchema, Source: schema}); err == nil || !strings.Contains(err.Error(), "beyond") {
			t.Errorf("%s: %v", schema, err)
		}
	}
}
