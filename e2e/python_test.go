package e2e

import (
	"os/exec"
	"strings"
	"testing"
)

// TestOfficialPythonClient runs testdata/client.py with the pinned openai package.
func TestOfficialPythonClient(t *testing.T) {
	python, err := exec.Command("../scripts/python", "testdata/requirements.txt").Output()
	if err != nil {
		if failed, ok := err.(*exec.ExitError); ok {
			t.Fatalf("%s: %s", failed, failed.Stderr)
		}
		t.Fatal(err)
	}
	s := shared(t, "smollm2")
	cmd := exec.CommandContext(t.Context(), strings.TrimSpace(string(python)), "testdata/client.py", s.url+"/v1", s.model)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}
