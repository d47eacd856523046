package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheSnippetsOfTheClientsPageRun runs docs/clients.md as it stands, but for
// address and key. Its Go snippet is what client and say do.
func TestTheSnippetsOfTheClientsPageRun(t *testing.T) {
	doc, err := os.ReadFile("../docs/clients.md")
	if err != nil {
		t.Fatal(err)
	}
	s := complete(t)
	page := strings.NewReplacer("http://127.0.0.1:8080", s.url, `"none"`, `"`+clientKey+`"`).Replace(string(doc))
	for _, c := range []struct{ section, language, packages string }{
		{"Python", "python", "requirements.txt"},
		{"LangChain", "python", "langchain.txt"},
		{"LiteLLM", "python", "litellm.txt"},
		{"Node", "js", ""},
	} {
		t.Run(c.section, func(t *testing.T) {
			_, section, _ := strings.Cut(page, "\n## "+c.section+"\n")
			_, source, _ := strings.Cut(section, "```"+c.language+"\n")
			source, _, found := strings.Cut(source, "```")
			if !found {
				t.Fatal("no snippet")
			}
			runSnippet(t, source, c.packages)
		})
	}
}

func runSnippet(t *testing.T, source, packages string) {
	t.Helper()
	script := filepath.Join(t.TempDir(), "snippet.mjs")
	if err := os.WriteFile(script, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	runs := ""
	if packages == "" {
		runs, script = nodeScript(t, script)
	} else {
		runs = python(t, packages)
	}
	cmd := exec.CommandContext(t.Context(), runs, script)
	cmd.Env = append(os.Environ(), "LITELLM_LOCAL_MODEL_COST_MAP=True")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, source, out)
	}
}
