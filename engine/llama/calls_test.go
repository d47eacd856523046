//go:build cgo

package llama

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cllama "github.com/moltbot/moltbot/cgo/llama"
	"github.com/moltbot/moltbot/engine/chat"
	"github.com/moltbot/moltbot/engine/constrain"
	"github.com/moltbot/moltbot/engine/guidance"
	"github.com/moltbot/moltbot/internal/testmodel"
)

// templates are those of cgo/chat's tests, and all that come with llama.cpp's
// source, where it is at hand.
func templates(t testing.TB) []string {
	t.Helper()
	own, err := filepath.Glob("../../cgo/chat/testdata/*.jinja")
	if err != nil || len(own) == 0 {
		t.Fatalf("no templates: %v", err)
	}
	cache, _ := os.UserCacheDir()
	others, _ := filepath.Glob(filepath.Join(cache, "moltbot/src/llama.cpp-*/models/templates/*.jinja"))
	return append(own, others...)
}

var callable = []chat.Tool{
	{Name: "get_weather", Description: "Tell the weather.", Parameters: `{"type": "object", "properties": {"city": {"type": "string", "maxLength": 10}, "days": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["city"], "additionalProperties": false}`},
	{Name: "stop"},
}

// grammars compiles for a real vocabulary.
func grammars(t *testing.T) (*guidance.Compiler, *cllama.Model) {
	t.Helper()
	m := smollm2(t)
	g := newGrammars(m.Vocab())
	t.Cleanup(g.Close)
	return g, m
}

func smollm2(t testing.TB) *cllama.Model {
	t.Helper()
	m, err := cllama.LoadModel(testmodel.Path(t, "smollm2"), cllama.ModelParams{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// walk writes a text that a constraint allows, token by token at random.
func walk(t *testing.T, c constrain.Constraint, v vocab, seed uint64) string {
	t.Helper()
	m, err := c.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	rng := rand.New(rand.NewPCG(seed, 0))
	mask := make([]uint32, (v.Len()+31)/32)
	var text []byte
	for range 2000 {
		if m.Ended() {
			return string(text)
		}
		if err := m.Mask(mask); err != nil {
			t.Fatal(err)
		}
		token, ended := draw(rng, mask, v)
		if ended {
			return string(text)
		}
		if err := m.Accept(token); err != nil {
			t.Fatal(err)
		}
		text = v.Piece(text, token, true)
	}
	t.Fatalf("no end after 2000 tokens: %q", text)
	return ""
}

// draw takes an allowed token, the end as soon as it is allowed.
func draw(rng *rand.Rand, mask []uint32, v vocab) (constrain.Token, bool) {
	var allowed []constrain.Token
	for id := range constrain.Token(v.Len()) {
		if mask[id/32]>>(id%32)&1 == 0 {
			continue
		}
		if v.IsEOG(id) {
			return 0, true
		}
		allowed = append(allowed, id)
	}
	return allowed[rng.IntN(len(allowed))], false
}

func TestForcedCallsAreReadBackWhateverTheTemplate(t *testing.T) {
	g, m := grammars(t)
	v := vocab{m.Vocab()}
	native := 0
	for _, path := range templates(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			tmpl, err := NewTemplate(nil, string(source))
			if err != nil {
				t.Fatal(err)
			}
			defer tmpl.Close()
			for _, choice := range []chat.Choice{{Mode: chat.ModeRequired}, {Mode: chat.ModeNamed, Names: []string{"get_weather"}}} {
				conv := chat.Conversation{Messages: []chat.Message{{Role: "user", Content: "Hi"}}, Tools: callable, Choice: choice, Parallel: true}
				p, err := tmpl.Render(conv)
				if err != nil {
					t.Fatal(err)
				}
				if p.Grammar == nil {
					t.Fatal("nothing forces a call")
				}
				if tmpl.c.SupportsCalls() {
					native++
				}
				c, err := g.Compile(t.Context(), *p.Grammar)
				if err != nil {
					t.Fatalf("%v\n%s", err, p.Grammar.Source)
				}
				text := walk(t, c, v, 1)
				wantCalls(t, p.Parser(), text, choice)
				wantGuarded(t, tmpl, g, v, text)
			}
		})
	}
	t.Logf("%d of %d forced in the template's own form", native, 2*len(templates(t)))
}

func wantCalls(t *testing.T, p chat.Parser, text string, choice chat.Choice) {
	t.Helper()
	var names []string
	for _, step := range []func() (chat.Delta, error){func() (chat.Delta, error) { return p.Push(text) }, p.Close} {
		d, err := step()
		if err != nil {
			t.Fatalf("%v: %q", err, text)
		}
		for _, c := range d.Calls {
			if c.Name != "" {
				names = append(names, c.Name)
			}
		}
	}
	if len(names) == 0 || choice.Mode == chat.ModeNamed && !slices.Equal(names, choice.Names) {
		t.Errorf("%q is read as calls of %q", text, names)
	}
}

// wantGuarded: a model that is free to call may write that call to a strict tool,
// and none that breaks its schema; where no form of calls is known it is told so.
func wantGuarded(t *testing.T, tmpl *Template, g *guidance.Compiler, v vocab, call string) {
	t.Helper()
	strict := slices.Clone(callable)
	strict[0].Strict = true
	p, err := tmpl.Render(chat.Conversation{Messages: []chat.Message{{Role: "user", Content: "Hi"}}, Tools: strict, Parallel: true})
	if err != nil {
		if !strings.Contains(err.Error(), "strict") {
			t.Error(err)
		}
		return
	}
	c, err := g.Compile(t.Context(), *p.Grammar)
	if err != nil {
		t.Fatalf("%v\n%s", err, p.Grammar.Source)
	}
	if strings.HasPrefix(call, "</think>") {
		return // the forced text ends what this one's reasoning may go on with
	}
	if at := accepted(t, c, v, "So be it.\n"+call); at >= 0 {
		t.Errorf("%q is refused at token %d by\n%s", call, at, p.Grammar.Source)
	}
	if broken := strings.Replace(call, `"city"`, `"town"`, 1); broken != call && accepted(t, c, v, broken) < 0 {
		t.Errorf("%q is let through", broken)
	}
}

// accepted returns where a text is refused; -1: nowhere.
func accepted(t *testing.T, c constrain.Constraint, v vocab, text string) int {
	t.Helper()
	m, err := c.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	tokens, err := v.Tokenize(text, false, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, token := range tokens {
		if m.Accept(token) != nil {
			return i
		}
	}
	return -1
}
