package e2e

import (
	"testing"

	"github.com/moltbot/moltbot/internal/testmodel"
)

// TestADraftModelChangesNothingButTheSpeed compares with a server without drafts.
func TestADraftModelChangesNothingButTheSpeed(t *testing.T) {
	with := own(t, "smollm2", []string{"MOLTBOT_MODEL_DRAFT=" + testmodel.Path(t, "smollm2")}, "--ctx", "512")
	without := own(t, "smollm2", []string{noDrafts}, "--ctx", "512")
	for _, prompt := range []string{
		"The capital of France is",
		"1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,",
		"Once upon a time there was a house in which",
	} {
		wantSameGreedy(t, prompt, with, without)
	}
}
