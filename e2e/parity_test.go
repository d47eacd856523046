//go:build peer

package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

const parityPage = "../docs/benchmarks/parity.md"

// withoutCheckpoints lets llama-server compute a short prompt in one batch. By
// default it computes the last four tokens of a prompt apart in models with a
// sliding window, and so do we: the other shape moves log-probabilities by up to 0.15.
var withoutCheckpoints = append(slices.Clone(peerFlags), "--ctx-checkpoints", "0")

// ways are how llama-server is run, and how many of the twenty texts must equal
// ours there; what differs must be within the noise floor in both.
var ways = []struct {
	name  string
	flags []string
	equal int
}{
	{"by default", peerFlags, 19},
	{"without checkpoints", withoutCheckpoints, 0},
}

const parityHead = `# Greedy texts, compared with llama-server's

Written by ` + "`make parity`" + `: llama-server %s of the same source and flags (` + "`make peer`" + `), on %s. %d prompts, %d tokens, temperature 0.

A cell says "equal", or how many tokens are, then our next token, theirs, and the gap: by how much ours is likelier than theirs in our own eyes. A gap of up to %.1f counts as noise: the same maths in another batch shape gives slightly other logits, and greedy texts part where two tokens are nearly as likely.

- %s: ` + "`llama-server %s`" + `
- %s: ` + "`llama-server %s`" + `

By default llama-server computes the last four tokens of a prompt apart when the model has a sliding window (gemma), so as to keep a checkpoint in front of them, and so do we. Without checkpoints it does not: the second column shows what such another shape alone makes of the texts.
`

// TestParity asks llama-server and us for the same texts, now. With -update it
// writes the outcome into the documentation.
func TestParity(t *testing.T) {
	page := &strings.Builder{}
	fmt.Fprintf(page, parityHead, peerVersion(t), builtFor(t), len(prompts(t)), greedyTokens, noiseFloor,
		ways[0].name, strings.Join(ways[0].flags, " "), ways[1].name, strings.Join(ways[1].flags, " "))
	for _, model := range []string{"smollm2", "gemma3"} {
		fmt.Fprintf(page, "\n## %s\n\n%s", exact(t, model).model, parityTable(t, model))
	}
	t.Log(page)
	if *update {
		if err := os.WriteFile(parityPage, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// parityTable compares all texts of a model; a row is a prompt, a column a way.
func parityTable(t *testing.T, model string) string {
	t.Helper()
	var rows [][]string
	for _, prompt := range prompts(t) {
		rows = append(rows, []string{code(prompt)})
	}
	head, equals := []string{"prompt"}, []string{"equal"}
	for _, way := range ways {
		equal := 0
		for i, p := range partings(t, model, way.flags) {
			rows[i] = append(rows[i], verdict(p))
			if p == nil {
				equal++
			}
		}
		if equal < way.equal {
			t.Errorf("%s, %s: %d texts are equal, want %d", model, way.name, equal, way.equal)
		}
		head, equals = append(head, way.name), append(equals, fmt.Sprintf("%d of %d", equal, len(rows)))
	}
	return table(append([][]string{head, {"---", "---", "---"}, equals}, rows...))
}

// partings returns where our texts leave llama-server's, prompt by prompt.
func partings(t *testing.T, model string, flags []string) (all []*parting) {
	t.Helper()
	p, s := startPeer(t, model, flags), exact(t, model)
	for _, prompt := range prompts(t) {
		want, err := p.greedy(prompt, greedyTokens)
		if err != nil {
			t.Fatal(err)
		}
		part := compare(t, s, want)
		if part != nil && !part.withinNoise() {
			t.Errorf("%s, %q: more than noise: %v", model, prompt, part)
		}
		all = append(all, part)
	}
	return all
}

func verdict(p *parting) string {
	if p == nil {
		return "equal"
	}
	return fmt.Sprintf("%d, then %s, %s, gap %.3f", p.at, code(p.ours), code(p.theirs), p.gap)
}

func table(rows [][]string) string {
	var b strings.Builder
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	return b.String()
}

// code writes a text as code that may stand in a table.
func code(text string) string {
	return "`" + strings.NewReplacer("|", `\|`, "`", "'").Replace(fmt.Sprintf("%q", text)) + "`"
}
