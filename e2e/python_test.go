package e2e

import (
	"os/exec"
	"testing"
)

// python returns the interpreter that has the packages of a requirements file in testdata.
func python(t testing.TB, requirements string) string {
	t.Helper()
	return installed(t, "../scripts/python", "testdata/"+requirements)
}

// TestOfficialPythonClient runs testdata/client.py.
func TestOfficialPythonClient(t *testing.T) {
	s := shared(t, "smollm2")
	cmd := exec.CommandContext(t.Context(), python(t, "requirements.txt"), "testdata/client.py", s.url+"/v1", s.model)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}
