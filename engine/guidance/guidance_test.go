//go:build cgo

package guidance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/moltbot/moltbot/engine/constrain"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func grammar(source string) constrain.Grammar {
	return constrain.Grammar{Kind: constrain.JSONSchema, Source: source}
}

// start compiles and starts, or ends the test.
func start(t *testing.T, vocab string, g constrain.Grammar) constrain.Matcher {
	t.Helper()
	k, err := compilerOf(t, vocab).Compile(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	m, err := k.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func TestEveryTokenThatEndsIsAllowedAtTheEnd(t *testing.T) {
	for _, name := range []string{"smollm2", "gemma3"} {
		v := vocabOf(t, name)
		m := start(t, name, constrain.Grammar{Kind: constrain.Regex, Source: "[a-z]+"})
		mask := make([]uint32, (v.Len()+31)/32)
		ends := func() (n int) {
			if err := m.Mask(mask); err != nil {
				t.Fatal(err)
			}
			for _, token := range set(mask) {
				if v.IsEOG(token) {
					n++
				}
			}
			return n
		}
		if n := ends(); n != 0 {
			t.Errorf("%s: an answer may end before it begins", name)
		}
		tokens, _ := v.Tokenize("a")
		if err := m.Accept(tokens[0]); err != nil {
			t.Fatal(err)
		}
		all := 0
		for i := range v.Len() {
			if v.IsEOG(constrain.Token(i)) {
				all++
			}
		}
		if n := ends(); n != all || m.Ended() {
			t.Errorf("%s: %d of %d ends are allowed", name, n, all)
		}
	}
}

func TestNoControlTokenStandsForText(t *testing.T) {
	for _, name := range []string{"smollm2", "gemma3"} {
		v := vocabOf(t, name)
		m := start(t, name, constrain.Grammar{Kind: constrain.Regex, Source: `[^]*x`})
		mask := make([]uint32, (v.Len()+31)/32)
		if err := m.Mask(mask); err != nil {
			t.Fatal(err)
		}
		for _, token := range set(mask) {
			if len(v.Piece(nil, token, false)) == 0 {
				t.Errorf("%s: token %d (%q) is allowed and has no text", name, token, v.Piece(nil, token, true))
			}
		}
	}
}

func TestForcedTokensAreAllowed(t *testing.T) {
	v := vocabOf(t, "smollm2")
	m := start(t, "smollm2", constrain.Grammar{Kind: constrain.Regex, Source: "The answer is (yes|no)"})
	mask := make([]uint32, (v.Len()+31)/32)
	var text []byte
	for _, token := range m.Forced(nil) {
		if err := m.Mask(mask); err != nil || mask[token/32]&(1<<(token%32)) == 0 {
			t.Fatalf("after %q token %d is forced, and not allowed (%v)", text, token, err)
		}
		if err := m.Accept(token); err != nil {
			t.Fatal(err)
		}
		text = v.Piece(text, token, false)
	}
	if !strings.HasPrefix("The answer is ", string(text)) || len(text) < len("The answer") {
		t.Errorf("forced %q", text)
	}
}

func TestAWrongTokenIsAnError(t *testing.T) {
	m := start(t, "smollm2", grammar(`{"type":"object"}`))
	tokens, _ := vocabOf(t, "smollm2").Tokenize("[")
	for _, token := range []constrain.Token{tokens[0], -1, 1 << 30} {
		if m.Accept(token) == nil {
			t.Errorf("token %d is accepted", token)
		}
	}
}

func TestHostileGrammarsEndInARefusalOrAreFollowed(t *testing.T) {
	chain := func(n int, first, link, last string) string {
		var b strings.Builder
		b.WriteString(first)
		for i := range n {
			fmt.Fprintf(&b, link, i, i+1)
		}
		fmt.Fprintf(&b, last, n)
		return b.String()
	}
	for _, c := range []struct {
		rule string
		g    constrain.Grammar
	}{
		{"a long chain of rules", constrain.Grammar{Kind: constrain.Lark, Source: chain(14000, "start: r0\n", "r%d: r%d\n", "r%d: (\n")}},
		{"a long chain of references", grammar(chain(9000, `{"$ref":"#/$defs/0","$defs":{`, `"%d":{"$ref":"#/$defs/%d"},`, `"%d":{}}}`))},
		{"many counted counts", constrain.Grammar{Kind: constrain.Regex, Source: "(((((a{1,999}){1,999}){1,999}){1,999}b){1,999}[^a]){999}"}},
		{"a determinisation that explodes", constrain.Grammar{Kind: constrain.Regex, Source: "(a|b)*a(a|b){900}x"}},
		{"rules that double", constrain.Grammar{Kind: constrain.GBNF, Source: chain(40, "root ::= r0\n", "r%d ::= (r%[2]d r%[2]d)*\n", "r%d ::= [a-z] root\n")}},
		{"options of options", grammar(`{"allOf":[` + strings.Repeat(`{"anyOf":[{"type":"object","properties":{"a":{"minimum":1}}},{"type":"array","minItems":1},{"type":"string","minLength":1}]},`, 40) + `false]}`)},
	} {
		t.Run(c.rule, func(t *testing.T) {
			k, err := compilerOf(t, "smollm2").Compile(t.Context(), c.g)
			var r *constrain.RefusedError
			if errors.As(err, &r) {
				return
			} else if err != nil {
				t.Fatal(err)
			}
			follow(t, k, 200)
		})
	}
}

// follow draws tokens until the answer ends or llguidance's limits end it.
func follow(t *testing.T, k constrain.Constraint, tokens int) {
	t.Helper()
	w := newWalker(t, "smollm2", 1, 0)
	m, err := k.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	mask := make([]uint32, (w.vocab.Len()+31)/32)
	for range tokens {
		if m.Ended() || m.Mask(mask) != nil || m.Accept(w.choose(mask, false)) != nil {
			return
		}
	}
}

func TestDeepGrammarsDoNotOverflowTheStack(t *testing.T) {
	var b strings.Builder
	b.WriteString("start: r0\n")
	for i := range 11000 {
		fmt.Fprintf(&b, "r%d: \"a\" r%d\n", i, i+1)
	}
	b.WriteString("r11000: \"b\"\n")
	_, err := compilerOf(t, "smollm2").Compile(t.Context(), constrain.Grammar{Kind: constrain.Lark, Source: b.String()})
	var r *constrain.RefusedError
	if err != nil && !errors.As(err, &r) {
		t.Error(err)
	}
}

func TestEqualGrammarsAreCompiledOnce(t *testing.T) {
	c := New(vocabOf(t, "smollm2"))
	defer c.Close()
	var wg sync.WaitGroup
	got := make([]constrain.Constraint, 8)
	for i := range got {
		wg.Go(func() { got[i], _ = c.Compile(t.Context(), grammar(`{"type":"array"}`)) })
	}
	wg.Wait()
	for _, k := range got {
		if k == nil || k != got[0] {
			t.Error("there are several")
		}
	}
}

func TestACompilationEndsWithItsContext(t *testing.T) {
	c := New(vocabOf(t, "smollm2"))
	defer c.Close()
	for range atOnce {
		c.slots <- struct{}{} // as if others were compiling
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Compile(ctx, grammar(`{}`)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for range atOnce {
		<-c.slots
	}
}

func TestAClosedCompilerSaysSo(t *testing.T) {
	c := New(vocabOf(t, "smollm2"))
	c.Close()
	c.Close()
	if _, err := c.Compile(t.Context(), grammar(`{}`)); !errors.Is(err, errClosed) {
		t.Errorf("got %v", err)
	}
}

func TestTheCacheForgetsWhatWasAskedForLongAgo(t *testing.T) {
	c := newCache(2 * (entryBytes + perByte))
	a, b, d := key{1}, key{2}, key{3}
	c.add(a, 1)
	c.add(b, 1)
	c.get(a)
	c.add(d, 1)
	if c.get(a) == nil || c.get(b) != nil || c.get(d) == nil {
		t.Error("the oldest is not what fell out")
	}
	c.add(b, 1<<30)
	if c.get(b) == nil || c.order.Len() != 1 {
		t.Error("the latest is not kept alone")
	}
}
