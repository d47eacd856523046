//go:build cgo

package llama

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moltbot/moltbot/engine/chat"
)

// tags are what the templates of several families begin, part or end calls with.
// In their models' vocabularies these are control tokens.
var tags = regexp.MustCompile(`\[TOOL_CALLS\]|\[ARGS\]|<\|tool_calls?(_section|_argument)?(_begin|_start|_end)?\|>|<tool_call>|</tool_call>|<｜tool▁calls?▁(begin|end)｜>|<\|(START|END)_ACTION\|>`)

// controls are control tokens of SmolLM2 that no template uses and none of which ends an answer.
var controls = []string{"<repo_name>", "<file_sep>", "<filename>", "<gh_stars>", "<issue_start>", "<issue_comment>", "<issue_closed>", "<jupyter_start>", "<jupyter_text>"}

// controlled writes a template's tags as control tokens of the test's vocabulary.
func controlled(source string) string {
	var known []string
	return tags.ReplaceAllStringFunc(source, func(tag string) string {
		i := slices.Index(known, tag)
		if i < 0 {
			known, i = append(known, tag), len(known)
		}
		return controls[i%len(controls)]
	})
}

func TestTagsThatAreControlTokensAreWrittenAsThese(t *testing.T) {
	g, m := grammars(t)
	v := vocab{m.Vocab()}
	written := 0
	for _, path := range templates(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			tmpl, err := NewTemplate(m, controlled(string(source)))
			if err != nil {
				t.Fatal(err)
			}
			defer tmpl.Close()
			choice := chat.Choice{Mode: chat.ModeRequired}
			p, err := tmpl.Render(chat.Conversation{Messages: []chat.Message{{Role: "user", Content: "Hi"}}, Tools: callable, Choice: choice, Parallel: true})
			if err != nil {
				t.Fatal(err)
			}
			c, err := g.Compile(t.Context(), *p.Grammar)
			if err != nil {
				t.Fatalf("%v\n%s", err, p.Grammar.Source)
			}
			text := walk(t, c, v, 1)
			wantCalls(t, p.Parser(), text, choice)
			wantGuarded(t, tmpl, g, v, text)
			for _, tag := range controls {
				if strings.Contains(p.Grammar.Source, tag) {
					t.Errorf("%s is written as text by\n%s", tag, p.Grammar.Source)
				}
				if strings.Contains(text, tag) && !slices.Contains(p.Keep, tag) {
					t.Errorf("%s is not kept for the parser: %q", tag, p.Keep)
				}
			}
			if p.Grammar.Tokens {
				written++
			}
		})
	}
	if written == 0 {
		t.Error("no template's tags are control tokens")
	}
	t.Logf("%d templates write control tokens", written)
}

func TestATextIsCutAtControlTokens(t *testing.T) {
	v := vocab{smollm2(t).Vocab()}
	for _, c := range []struct {
		rule, text string
		want       []string // control tokens in brackets
	}{
		{"plain text is one piece", "a <b> [c]", []string{"a <b> [c]"}},
		{"tokens stand alone", "a<repo_name>é<repo_name><file_sep>", []string{"a", "[<repo_name>]", "é", "[<repo_name>]", "[<file_sep>]"}},
		{"the end of an answer is text", "a<|im_end|>", []string{"a<|im_end|>"}},
		{"no text has no piece", "", nil},
	} {
		t.Run(c.rule, func(t *testing.T) {
			var got []string
			for _, p := range v.pieces(c.text) {
				if p.Control {
					p.Text = "[" + p.Text + "]"
				}
				got = append(got, p.Text)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
