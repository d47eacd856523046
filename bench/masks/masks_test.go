//go:build cgo

package masks

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	"unsafe"

	cllama "github.com/moltbot/moltbot/cgo/llama"
	"github.com/moltbot/moltbot/engine/constrain"
	"github.com/moltbot/moltbot/engine/guidance"
	"github.com/moltbot/moltbot/internal/testmodel"
)

// vocab implements guidance.Vocab.
type vocab struct{ c cllama.Vocab }

func (v vocab) Len() int { return v.c.NTokens() }
func (v vocab) Piece(b []byte, t constrain.Token, control bool) []byte {
	return v.c.Piece(b, cllama.Token(t), control)
}
func (v vocab) IsEOG(t constrain.Token) bool            { return v.c.IsEOG(cllama.Token(t)) }
func (v vocab) TokenizeFunc() (fn, data unsafe.Pointer) { return v.c.TokenizeFunc() }
func (v vocab) Tokenize(text string) ([]constrain.Token, error) {
	tokens, err := v.c.Tokenize(text, false, false)
	var out []constrain.Token
	for _, t := range tokens {
		out = append(out, constrain.Token(t))
	}
	return out, err
}

const person = `{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150},` +
	`"email":{"type":"string","format":"email"},"tags":{"type":"array","items":{"type":"string"}}},` +
	`"required":["name","age","email","tags"],"additionalProperties":false}`

// cases are typical grammars; those of kind GBNF are measured with both.
var cases = []struct {
	name string
	g    constrain.Grammar
}{
	{"any-object", constrain.Grammar{Kind: constrain.JSONSchema, Source: `{"type":"object"}`}},
	{"person", constrain.Grammar{Kind: constrain.JSONSchema, Source: person}},
	{"people", constrain.Grammar{Kind: constrain.JSONSchema, Source: `{"type":"array","minItems":1,"items":` + person + `}`}},
	{"union", constrain.Grammar{Kind: constrain.JSONSchema, Source: `{"oneOf":[
		{"type":"object","properties":{"kind":{"const":"mail"},"to":{"type":"string"},"body":{"type":"string","maxLength":200}},"required":["kind","to","body"],"additionalProperties":false},
		{"type":"object","properties":{"kind":{"const":"event"},"at":{"type":"string","format":"date-time"},"days":{"type":"number"}},"required":["kind","at","days"],"additionalProperties":false}]}`}},
	{"tree", constrain.Grammar{Kind: constrain.JSONSchema, Source: `{"$ref":"#/$defs/n","$defs":{"n":{"type":"object","properties":{"value":{"type":"number"},"next":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}},"required":["value","next"],"additionalProperties":false}}}`}},
	{"json-gbnf", constrain.Grammar{Kind: constrain.GBNF, Source: jsonGBNF}},
	{"list-gbnf", constrain.Grammar{Kind: constrain.GBNF, Source: listGBNF}},
}

const (
	jsonGBNF = `root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
ws     ::= | " " | "\n" [ \t]{0,20}
`
	listGBNF = `root ::= ("- " [^\n]+ "\n"){3,10}` + "\n"
)

var opened = map[string]*cllama.Model{}

func open(b *testing.B, name string) vocab {
	if opened[name] == nil {
		if err := cllama.Init(); err != nil {
			b.Fatal(err)
		}
		m, err := cllama.LoadModel(testmodel.Path(b, name), cllama.ModelParams{LoadMode: cllama.LoadMmap})
		if err != nil {
			b.Fatal(err)
		}
		opened[name] = m
	}
	return vocab{opened[name].Vocab()}
}

func compile(b *testing.B, c *guidance.Compiler, g constrain.Grammar) constrain.Constraint {
	k, err := c.Compile(b.Context(), g)
	if err != nil {
		b.Fatal(err)
	}
	return k
}

// longest is how many tokens an answer may have.
const longest = 120

// walk draws answers by chance, b.N tokens altogether: restart comes before each
// answer, mask before and took after each token.
func walk(b *testing.B, v vocab, k constrain.Constraint, restart func(), mask func(m constrain.Matcher, to []uint32), took func(constrain.Token)) {
	rng := rand.New(rand.NewPCG(1, 2))
	words := make([]uint32, (v.Len()+31)/32)
	var m constrain.Matcher
	for n := 0; b.Loop(); n++ {
		if m == nil || m.Ended() || n%longest == 0 {
			if m != nil {
				m.Close()
			}
			restart()
			m, _ = k.Start()
		}
		mask(m, words)
		t := draw(rng, words)
		if v.IsEOG(t) {
			m.Close()
			m = nil
			continue
		}
		if err := m.Accept(t); err != nil {
			b.Fatal(err)
		}
		took(t)
	}
	if m != nil {
		m.Close()
	}
}

// draw picks an allowed token.
func draw(rng *rand.Rand, words []uint32) constrain.Token {
	var tokens []constrain.Token
	for i, w := range words {
		for ; w != 0; w &= w - 1 {
			tokens = append(tokens, constrain.Token(i*32+bits.TrailingZeros32(w)))
		}
	}
	return tokens[rng.IntN(len(tokens))]
}

// report gives the median and the 99th percentile, in microseconds.
func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	at := func(q float64) float64 {
		return float64(took[min(len(took)-1, int(math.Ceil(q*float64(len(took)))))].Nanoseconds()) / 1000
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(at(0.5), "p50-µs")
	b.ReportMetric(at(0.99), "p99-µs")
}

func BenchmarkMask(b *testing.B) {
	for _, model := range []string{"smollm2", "gemma3"} {
		v := open(b, model)
		c := guidance.New(v)
		defer c.Close()
		for _, one := range cases {
			k := compile(b, c, one.g)
			b.Run(model+"/"+one.name, func(b *testing.B) {
				var took []time.Duration
				walk(b, v, k, func() {}, func(m constrain.Matcher, to []uint32) {
					start := time.Now()
					if err := m.Mask(to); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(start))
				}, func(constrain.Token) {})
				report(b, took)
			})
		}
	}
}

func BenchmarkLlamaCPP(b *testing.B) {
	for _, model := range []string{"smollm2", "gemma3"} {
		v := open(b, model)
		c := guidance.New(v)
		defer c.Close()
		for _, one := range cases {
			if one.g.Kind != constrain.GBNF {
				continue
			}
			k := compile(b, c, one.g)
			b.Run(model+"/"+one.name, func(b *testing.B) { benchSampler(b, v, k, one.g.Source) })
		}
	}
}

func benchSampler(b *testing.B, v vocab, k constrain.Constraint, gbnf string) {
	_, data := v.TokenizeFunc()
	s, err := newSampler(data, v.Len(), gbnf)
	if err != nil {
		b.Fatal(err)
	}
	defer s.close()
	var took []time.Duration
	walk(b, v, k, s.reset, func(m constrain.Matcher, to []uint32) {
		s.clear()
		start := time.Now()
		s.apply()
		took = append(took, time.Since(start))
		if err := m.Mask(to); err != nil {
			b.Fatal(err)
		}
	}, func(t constrain.Token) { s.accept(int32(t)) })
	report(b, took)
}

func BenchmarkTokenizer(b *testing.B) {
	for _, model := range []string{"smollm2", "gemma3"} {
		v := open(b, model)
		b.Run(model, func(b *testing.B) {
			for b.Loop() {
				c := guidance.New(v)
				compile(b, c, cases[0].g)
				c.Close()
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	v := open(b, "smollm2")
	for _, one := range cases {
		b.Run(one.name, func(b *testing.B) {
			c := guidance.New(v)
			defer c.Close()
			compile(b, c, cases[0].g)
			for n := 0; b.Loop(); n++ {
				g := one.g
				g.Source += "\n" + spaces(n)
				compile(b, c, g)
			}
		})
	}
}

func spaces(n int) string {
	out := make([]byte, n%1000+1)
	for i := range out {
		out[i] = ' '
	}
	return string(out)
}

func BenchmarkStart(b *testing.B) {
	for _, model := range []string{"smollm2", "gemma3"} {
		v := open(b, model)
		c := guidance.New(v)
		defer c.Close()
		for _, one := range cases {
			k := compile(b, c, one.g)
			b.Run(model+"/"+one.name, func(b *testing.B) {
				for b.Loop() {
					m, err := k.Start()
					if err != nil {
						b.Fatal(err)
					}
					m.Close()
				}
			})
		}
	}
}
