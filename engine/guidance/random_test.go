//go:build cgo

package guidance

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/moltbot/moltbot/internal/testschemas"
)

// perCheck schemas are drawn in each of rapid's 100 checks: 500 in all.
const perCheck = 5

func TestAnswersToRandomSchemasAreValid(t *testing.T) {
	served, finished := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		for i := range perCheck {
			schema := testschemas.Random().Draw(r, "schema")
			k := compileSchema(t, "smollm2", schema)
			if k == nil {
				continue
			}
			served++
			v := validator(t, schema)
			for n := range 3 {
				text, done := newWalker(t, "smollm2", rapid.Uint64().Draw(r, "seed"), 8*n+i).walk(k)
				if done {
					finished++
					wantValid(t, v, text)
				}
			}
		}
	})
	t.Logf("%d schemas served, %d walks finished", served, finished)
	if served < 100 || finished < 200 {
		t.Error("too few to mean anything")
	}
}
