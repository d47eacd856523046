package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3/option"

	"github.com/moltbot/moltbot/internal/testmodel"
)

// greedyTokens is the length of a golden text.
const greedyTokens = 64

// golden is a file of greedy texts, and how they came about.
type golden struct {
	MadeBy  string         `json:"made_by"`
	Command string         `json:"command"`
	Request map[string]any `json:"request"`
	CPU     string         `json:"cpu"`
	Texts   []greedyText   `json:"texts"`
}

func TestGreedyTextsAreLlamaServersForSmolLM2(t *testing.T) { wantGolden(t, "smollm2") }
func TestGreedyTextsAreLlamaServersForGemma3(t *testing.T)  { wantGolden(t, "gemma3") }

// wantGolden compares the texts of a model with the golden file of this CPU's
// kernels: at least 19 of 20 are equal, and where one differs noise explains it.
func wantGolden(t *testing.T, model string) {
	file := filepath.Join("testdata", "greedy_"+model+kernels(t)+".json")
	if *update {
		writeGolden(t, file, model)
	}
	s := exact(t, model) // steps of one row, as the reference has
	equal := 0
	for _, want := range readGolden(t, file).Texts {
		p := compare(t, s, want)
		if p == nil {
			equal++
			continue
		}
		t.Logf("%q: %v", want.Prompt, p)
		if !p.withinNoise() {
			t.Errorf("%q: more than noise", want.Prompt)
		}
	}
	t.Logf("%d texts are equal", equal)
	if equal < len(prompts(t))-1 {
		t.Errorf("only %d of %d texts are equal", equal, len(prompts(t)))
	}
}

// kernels names the golden files for this CPU: products of matrices are added up in
// another order by AMX than by AVX2 and AVX-512, and llama-server's texts follow.
func kernels(t *testing.T) string {
	if strings.Contains(builtFor(t), "AMX_INT8") {
		return "_amx"
	}
	return ""
}

// builtFor is the line of the build's stamp that tells the CPU features it was built
// for; the peer is built for the same.
func builtFor(t testing.TB) string {
	t.Helper()
	stamp, err := os.ReadFile(filepath.Join("..", "build", "native", "stamp"))
	cpu := regexp.MustCompile(`(?m)^cpu (.*)$`).FindSubmatch(stamp)
	if err != nil || cpu == nil {
		t.Fatalf("the stamp of the native build: %v\n%s", err, stamp)
	}
	return string(cpu[1])
}

// compare returns where our text leaves the reference; nil: nowhere.
func compare(t *testing.T, s *server, want greedyText) *parting {
	t.Helper()
	got, err := s.greedy(t.Context(), want.Prompt, greedyTokens)
	if err != nil {
		t.Fatal(err)
	}
	at := firstDifference(got.texts(), want.Tokens)
	if at < 0 {
		if got.text != want.Text {
			t.Errorf("%q: the same tokens, but the texts are %q and %q", want.Prompt, got.text, want.Text)
		}
		return nil
	}
	if len(got.units()[at].steps) == 0 { // our end has no log-probability unless it is passed over
		if got, err = s.greedy(t.Context(), want.Prompt, greedyTokens, option.WithJSONSet("ignore_eos", true)); err != nil {
			t.Fatal(err)
		}
	}
	ours := got.units()[at]
	return &parting{at: at, ours: ours.text, theirs: want.Tokens[at], gap: ours.gap(want.Tokens[at])}
}

func readGolden(t *testing.T, file string) (g golden) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return g
}

// writeGolden asks llama-server for the texts.
func writeGolden(t *testing.T, file, model string) {
	t.Helper()
	p := startPeer(t, model, peerFlags)
	g := golden{
		MadeBy:  "llama-server " + peerVersion(t) + ", built by make peer",
		Command: "llama-server --model " + filepath.Base(testmodel.Path(t, model)) + " " + strings.Join(peerFlags, " "),
		Request: peerRequest,
		CPU:     builtFor(t),
	}
	for _, prompt := range prompts(t) {
		text, err := p.greedy(prompt, greedyTokens)
		if err != nil {
			t.Fatal(err)
		}
		g.Texts = append(g.Texts, text)
	}
	writeJSON(t, file, g)
}

func writeJSON(t *testing.T, file string, v any) {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// prompts are twenty beginnings of texts.
func prompts(t *testing.T) (all []string) {
	t.Helper()
	b, err := os.ReadFile("testdata/prompts.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all
}
