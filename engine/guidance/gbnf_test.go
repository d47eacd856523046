//go:build cgo

package guidance

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/moltbot/moltbot/engine/constrain"
)

const jsonGBNF = `
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws # no leading zeros
ws     ::= | " " | "\n" [ \t]{0,20}
`

func compileGBNF(t testing.TB, src string) constrain.Constraint {
	t.Helper()
	c, err := compilerOf(t, "smollm2").Compile(t.Context(), constrain.Grammar{Kind: constrain.GBNF, Source: src})
	if err != nil {
		low, _ := constrain.Lower(constrain.Grammar{Kind: constrain.GBNF, Source: src})
		t.Fatalf("%s\n%v\n%s", src, err, low.Source)
	}
	return c
}

func TestGBNFTakesTheTextsOfTheGrammarAlone(t *testing.T) {
	for _, c := range []struct{ rule, src, yes, no string }{
		{"a text is itself", `root ::= "yes" | "no"`, "yes no", "ye yesno noo"},
		{"rules repeat", `root ::= [a-c]+ "x"?`, "a abc cbax", "x axx d"},
		{"what follows may start like what repeats", `root ::= [a-z]* "x"`, "x abx xx", "a xa"},
		{"the longest word is not always right", `root ::= r "d" | [a-z] "b" "c" | "(" root ")"` + "\n" + `r ::= "ab"`, "abd abc ((abd))", "ab (abd abx"},
		{"recursion nests", `root ::= "(" root ")" | [0-9]+`, "1 (12) ((3))", "( (1 ()"},
		{"counts count", `root ::= "a"{2} "b"{1,2} "c"{2,}`, "aabcc aabbccc", "abcc aabbbcc aabc"},
		{"escapes are characters", `root ::= "\x41\u00e9\U0001F600\"\\" [\]\-]`, `Aé😀"\] Aé😀"\-`, "Aé"},
		{"a class excludes", `root ::= [^a-y\n]+`, "z zé Z", "a za"},
		{"a dot is any character", `root ::= "<" . ">"`, "<é> <>> <<>", "<> <ab>"},
		{"a rule of nothing is nothing", "root ::= e \"a\" e\ne ::= ", "a", "aa b"},
		{"left recursion reads on", `root ::= root "+" [0-9] | [0-9]`, "1 1+2+3", "1+ +1"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			k := compileGBNF(t, c.src)
			for _, s := range strings.Fields(c.yes) {
				if !accepts(t, vocabOf(t, "smollm2"), k, s) {
					t.Errorf("%q is not taken", s)
				}
			}
			for _, s := range strings.Fields(c.no) {
				if accepts(t, vocabOf(t, "smollm2"), k, s) {
					t.Errorf("%q is taken", s)
				}
			}
		})
	}
}

func TestJSONByGBNF(t *testing.T) {
	k := compileGBNF(t, jsonGBNF)
	for _, s := range []string{`{}`, `{"a": [1, -2.5e+3, true, null], "b":{"c":"d\n\u00e9"}}`, "{\n  \"a\":[] }"} {
		if !accepts(t, vocabOf(t, "smollm2"), k, s) {
			t.Errorf("%s is not taken", s)
		}
	}
	for _, s := range []string{`[]`, `{"a"}`, `{"a":01}`, `{"a":"b}`, `{,}`} {
		if accepts(t, vocabOf(t, "smollm2"), k, s) {
			t.Errorf("%s is taken", s)
		}
	}
	for i := range 20 {
		if _, done := newWalker(t, "smollm2", uint64(i), 2*i).walk(k); !done {
			t.Error("an answer did not end")
		}
	}
}

// piece is a grammar that writes itself, draws its texts, and reads them the slow way.
type piece struct {
	kind  string // text, class, seq, alt, star, opt, ref
	text  string
	parts []piece
}

func drawPiece(r *rapid.T, depth int) piece {
	kinds := []string{"text", "class", "text"}
	if depth > 0 {
		kinds = append(kinds, "seq", "alt", "star", "opt", "seq", "alt", "ref")
	}
	p := piece{kind: rapid.SampledFrom(kinds).Draw(r, "kind")}
	n := 0
	switch p.kind {
	case "text":
		p.text = rapid.StringMatching(`[ab]{1,3}`).Draw(r, "text")
	case "class":
		p.text = rapid.SampledFrom([]string{"a", "ab", "bc", "abc"}).Draw(r, "class")
	case "seq", "alt":
		n = rapid.IntRange(2, 3).Draw(r, "parts")
	case "star", "opt":
		n = 1
	}
	for range n {
		p.parts = append(p.parts, drawPiece(r, depth-1))
	}
	return p
}

func (p piece) String() string {
	var parts []string
	for _, part := range p.parts {
		parts = append(parts, part.String())
	}
	switch p.kind {
	case "text":
		return fmt.Sprintf("%q", p.text)
	case "class":
		return "[" + p.text + "]"
	case "seq":
		return "(" + strings.Join(parts, " ") + ")"
	case "alt":
		return "(" + strings.Join(parts, " | ") + ")"
	case "star":
		return parts[0] + "*"
	case "opt":
		return parts[0] + "?"
	}
	return "more"
}

// sample draws a text of the piece; deep bounds the uses of more.
func (p piece) sample(r *rapid.T, more piece, deep int) (string, bool) {
	switch p.kind {
	case "text":
		return p.text, true
	case "class":
		return string(p.text[rapid.IntRange(0, len(p.text)-1).Draw(r, "char")]), true
	case "alt":
		return p.parts[rapid.IntRange(0, len(p.parts)-1).Draw(r, "option")].sample(r, more, deep)
	case "ref":
		if deep == 0 {
			return "", false
		}
		return more.sample(r, more, deep-1)
	}
	times := 1
	if p.kind == "star" {
		times = rapid.IntRange(0, 3).Draw(r, "times")
	} else if p.kind == "opt" {
		times = rapid.IntRange(0, 1).Draw(r, "times")
	}
	out := ""
	for range times {
		for _, part := range p.parts {
			s, ok := part.sample(r, more, deep)
			if !ok {
				return "", false
			}
			out += s
		}
	}
	return out, true
}

// ends returns where the piece may end when it starts at i.
func (p piece) ends(s string, i int, more piece, memo map[int]map[int]bool) map[int]bool {
	out := map[int]bool{}
	switch p.kind {
	case "text":
		if strings.HasPrefix(s[i:], p.text) {
			out[i+len(p.text)] = true
		}
	case "class":
		if i < len(s) && strings.ContainsRune(p.text, rune(s[i])) {
			out[i+1] = true
		}
	case "alt":
		for _, part := range p.parts {
			for e := range part.ends(s, i, more, memo) {
				out[e] = true
			}
		}
	case "ref":
		return memo[i]
	case "seq":
		out[i] = true
		for _, part := range p.parts {
			next := map[int]bool{}
			for e := range out {
				for f := range part.ends(s, e, more, memo) {
					next[f] = true
				}
			}
			out = next
		}
	default:
		out[i] = true
		if p.kind == "opt" {
			for e := range p.parts[0].ends(s, i, more, memo) {
				out[e] = true
			}
			break
		}
		for grew := true; grew; {
			grew = false
			for e := range out {
				for f := range p.parts[0].ends(s, e, more, memo) {
					grew = grew || !out[f]
					out[f] = true
				}
			}
		}
	}
	return out
}

// reads tells whether s is a text of root, by a fixed point over what more may read.
func reads(root, more piece, s string) bool {
	memo := map[int]map[int]bool{}
	for grew := true; grew; {
		grew = false
		for i := range len(s) + 1 {
			now := more.ends(s, i, more, memo)
			grew = grew || len(now) != len(memo[i])
			memo[i] = now
		}
	}
	return root.ends(s, 0, more, memo)[len(s)]
}

func TestRandomGBNFIsTheSameLanguage(t *testing.T) {
	vocab := vocabOf(t, "smollm2")
	served, taken := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		root, more := drawPiece(r, 3), drawPiece(r, 3)
		src := fmt.Sprintf("root ::= %s\nmore ::= %s | \"c\"\n", root, more)
		more = piece{kind: "alt", parts: []piece{more, {kind: "text", text: "c"}}}
		k, err := compilerOf(t, "smollm2").Compile(t.Context(), constrain.Grammar{Kind: constrain.GBNF, Source: src})
		var refused *constrain.RefusedError
		if errors.As(err, &refused) {
			return
		} else if err != nil {
			r.Fatal(err)
		}
		served++
		for range 5 {
			s, ok := root.sample(r, more, 3)
			if ok && len(s) < 40 && !accepts(t, vocab, k, s) {
				r.Fatalf("%sdoes not take %q", src, s)
			}
			s = rapid.StringMatching(`[abc]{0,6}`).Draw(r, "any")
			if got, want := accepts(t, vocab, k, s), reads(root, more, s); got != want {
				low, _ := constrain.Lower(constrain.Grammar{Kind: constrain.GBNF, Source: src})
				r.Fatalf("%s%q: taken %v, in the language %v\n%s", src, s, got, want, low.Source)
			} else if got {
				taken++
			}
		}
	})
	t.Logf("%d grammars served, %d texts taken", served, taken)
}
