package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/moltbot/moltbot/internal/testmodel"
)

func TestTheDescriptionIsOpenAPI(t *testing.T) {
	document, err := shared(t, "smollm2").get("/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "openapi.json")
	if err := os.WriteFile(file, []byte(document), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), python(t, "described.txt"), "-m", "openapi_spec_validator", file).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestSchemathesis has thousands of requests made up from the description, good
// and bad: none is answered by a status, a header, a media type or a body that
// is not described, and none is the server's fault.
func TestSchemathesis(t *testing.T) {
	s := own(t, "smollm2", nil, "--ctx", "256", "--embedding-model", testmodel.Path(t, "minilm"), "--rerank-model", testmodel.Path(t, "reranker"))
	made := schemathesis(t, s)
	if made < 2000 {
		t.Errorf("only %d cases were made", made)
	}
	s.idle(t)
	s.wantAlive(t)
}

// schemathesis returns how many cases it made. What fails it says by itself,
// with the request that shows it.
func schemathesis(t *testing.T, s *server) int {
	t.Helper()
	report := filepath.Join(t.TempDir(), "report.json")
	names, err := json.Marshal([]string{s.model, "all-MiniLM-L6-v2", "made-up-reranker"})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python(t, "described.txt"),
		"-c", "from schemathesis.cli import schemathesis; schemathesis()", "run", s.url+"/openapi.json",
		"--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance",
		"--phases", "examples,coverage,fuzzing", "--mode", "all", "--max-examples", "20", "--seed", "1", "--generation-database", "none",
		"--suppress-health-check", "all", "--request-timeout", "60", "--continue-on-failure", "--warnings", "off", "--no-color",
		"--report", "json", "--report-json-path", report)
	hooks, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Dir = t.TempDir() // it leaves folders of its own behind
	cmd.Env = append(os.Environ(), "MODELS="+string(names), "SCHEMATHESIS_HOOKS=described", "PYTHONPATH="+hooks, "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	var told struct {
		Complete bool
		Cases    struct{ Generated, Errored int } `json:"test_cases"`
	}
	b, err := os.ReadFile(report)
	if err == nil {
		err = json.Unmarshal(b, &told)
	}
	if err != nil || !told.Complete || told.Cases.Errored > 0 {
		t.Errorf("%v: %s", err, b)
	}
	t.Logf("%d cases", told.Cases.Generated)
	return told.Cases.Generated
}
