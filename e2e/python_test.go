package e2e

import (
	"os/exec"
	"strings"
	"testing"
)

// python returns the interpreter that has the pinned openai package.
func python(t testing.TB) string {
	t.Helper()
	path, err := exec.Command("../scripts/python", "testdata/requirements.txt").Output()
	if err != nil {
		if failed, ok := err.(*exec.ExitError); ok {
			t.Fatalf("%s: %s", failed, failed.Stderr)
		}
		t.Fatal(err)
	}
	return strings.TrimSpace(string(path))
}

// TestOfficialPythonClient runs testdata/client.py.
func TestOfficialPythonClient(t *testing.T) {
	s := shared(t, "smollm2")
	cmd := exec.CommandContext(t.Context(), python(t), "testdata/client.py", s.url+"/v1", s.model)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}
