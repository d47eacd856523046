package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moltbot/moltbot/internal/testmodel"
)

const clientKey = "sk-client"

// complete returns the server for clients that use all there is: it writes,
// embeds, keeps responses and asks for a key. The tests share it; some scripts
// compare what is streamed with the whole.
func complete(t testing.TB) *server {
	t.Helper()
	if common["complete"] == nil {
		dir := filepath.Dir(program)
		keys := filepath.Join(dir, "keys")
		if err := os.WriteFile(keys, []byte(clientKey+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := startServer(testmodel.Path(t, "smollm2"), []string{noDrafts}, "--ctx", "4096", "--api-key-file", keys,
			"--data", filepath.Join(dir, "kept"), "--embedding-model", testmodel.Path(t, "minilm"))
		if err != nil {
			t.Fatal(err)
		}
		common["complete"] = s
	}
	showOnFailure(t, common["complete"])
	return common["complete"]
}

// scripted runs a script of testdata with what runs it against the complete
// server: it prints what it checks and fails at the first that isn't so.
func scripted(t *testing.T, runs, script string) {
	t.Helper()
	s := complete(t)
	cmd := exec.CommandContext(t.Context(), runs, script, s.url+"/v1", clientKey, s.model, embedder)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

func TestOfficialPythonClientParsesAndResponds(t *testing.T) {
	scripted(t, python(t, "requirements.txt"), "testdata/structured.py")
}

func TestLangChainTalksToTheServer(t *testing.T) {
	scripted(t, python(t, "langchain.txt"), "testdata/with_langchain.py")
}

func TestLiteLLMTalksToTheServer(t *testing.T) {
	scripted(t, python(t, "litellm.txt"), "testdata/with_litellm.py")
}

func TestOfficialNodeClientTalksToTheServer(t *testing.T) {
	node, script := nodeScript(t, nodePackages+"/client.mjs")
	scripted(t, node, script)
}

const nodePackages = "testdata/node"

// nodeScript returns the pinned Node and a copy of a script beside its packages:
// Node looks for them where the script is.
func nodeScript(t testing.TB, script string) (node, path string) {
	t.Helper()
	packages := filepath.Join(installed(t, "../scripts/node", nodePackages), "node_modules")
	source, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path = filepath.Join(dir, filepath.Base(script))
	if err := os.Symlink(packages, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, source, 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(packages, ".bin", "node"), path
}

// installed runs a script that puts pinned packages into the cache and prints where.
func installed(t testing.TB, script, what string) string {
	t.Helper()
	path, err := exec.Command(script, what).Output()
	if err != nil {
		if failed, ok := err.(*exec.ExitError); ok {
			t.Fatalf("%s: %s", failed, failed.Stderr)
		}
		t.Fatal(err)
	}
	return strings.TrimSpace(string(path))
}
