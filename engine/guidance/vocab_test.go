//go:build cgo

package guidance

import (
	"math/bits"
	"math/rand/v2"
	"sync"
	"testing"
	"unsafe"

	cllama "github.com/moltbot/moltbot/cgo/llama"
	"github.com/moltbot/moltbot/engine/constrain"
	"github.com/moltbot/moltbot/internal/testmodel"
)

// realVocab is the vocabulary of a test model.
type realVocab struct{ c cllama.Vocab }

func (v realVocab) Len() int { return v.c.NTokens() }
func (v realVocab) Piece(b []byte, t constrain.Token, control bool) []byte {
	return v.c.Piece(b, cllama.Token(t), control)
}
func (v realVocab) IsEOG(t constrain.Token) bool { return v.c.IsEOG(cllama.Token(t)) }
func (v realVocab) Tokenize(text string) ([]constrain.Token, error) {
	tokens, err := v.c.Tokenize(text, false, false)
	var out []constrain.Token
	for _, t := range tokens {
		out = append(out, constrain.Token(t))
	}
	return out, err
}
func (v realVocab) TokenizeFunc() (fn, data unsafe.Pointer) { return v.c.TokenizeFunc() }

// The models stay open until the process ends: tests share them.
var (
	models   = map[string]*cllama.Model{}
	modelsMu sync.Mutex
)

func vocabOf(t testing.TB, name string) realVocab {
	t.Helper()
	modelsMu.Lock()
	defer modelsMu.Unlock()
	if m, ok := models[name]; ok {
		return realVocab{m.Vocab()}
	}
	if err := cllama.Init(); err != nil {
		t.Fatal(err)
	}
	m, err := cllama.LoadModel(testmodel.Path(t, name), cllama.ModelParams{LoadMode: cllama.LoadMmap})
	if err != nil {
		t.Fatal(err)
	}
	models[name] = m
	return realVocab{m.Vocab()}
}

var (
	compilers   = map[string]*Compiler{}
	compilersMu sync.Mutex
)

// compilerOf is a compiler that tests share, as its tokeniser takes a while.
func compilerOf(t testing.TB, name string) *Compiler {
	v := vocabOf(t, name)
	compilersMu.Lock()
	defer compilersMu.Unlock()
	if compilers[name] == nil {
		compilers[name] = New(v)
	}
	return compilers[name]
}

// pieces are the texts of all tokens, read once.
func piecesOf(t testing.TB, name string) []string {
	v := vocabOf(t, name)
	modelsMu.Lock()
	defer modelsMu.Unlock()
	if texts[name] == nil {
		texts[name] = make([]string, v.Len())
		for i := range texts[name] {
			texts[name][i] = string(v.Piece(nil, constrain.Token(i), false))
		}
	}
	return texts[name]
}

var texts = map[string][]string{}

// walker takes allowed tokens by chance, and near the end those that end soonest.
type walker struct {
	t      testing.TB
	vocab  realVocab
	pieces []string
	rng    *rand.Rand
	free   int // tokens by chance, before it hurries
	most   int // tokens altogether
}

func newWalker(t testing.TB, vocab string, seed uint64, free int) *walker {
	return &walker{
		t: t, vocab: vocabOf(t, vocab), pieces: piecesOf(t, vocab),
		rng: rand.New(rand.NewPCG(seed, seed)), free: free, most: free + 400,
	}
}

// walk returns the text of one answer; finished is false when it ran out of tokens.
func (w *walker) walk(c constrain.Constraint) (text string, finished bool) {
	w.t.Helper()
	m, err := c.Start()
	if err != nil {
		w.t.Fatal(err)
	}
	defer m.Close()
	mask := make([]uint32, (w.vocab.Len()+31)/32)
	for n := range w.most {
		if err := m.Mask(mask); err != nil {
			w.t.Fatalf("after %q: %v", text, err)
		}
		token := w.choose(mask, n >= w.free)
		if err := m.Accept(token); err != nil {
			w.t.Fatalf("after %q, token %d: %v", text, token, err)
		}
		if w.vocab.IsEOG(token) {
			return text, true
		}
		text += w.pieces[token]
	}
	return text, false
}

func (w *walker) choose(mask []uint32, hurry bool) constrain.Token {
	tokens := set(mask)
	if hurry {
		return w.ending(tokens)
	}
	for {
		t := tokens[w.rng.IntN(len(tokens))]
		if !w.vocab.IsEOG(t) || len(tokens) < 5 || w.rng.IntN(4) == 0 {
			return t
		}
	}
}

// ending prefers an end, then what closes a string, an object, an array, then a
// short token.
func (w *walker) ending(tokens []constrain.Token) constrain.Token {
	best, rank := tokens[0], 1000
	for _, t := range tokens {
		text := w.pieces[t]
		r := 10 + 10*len(text)
		switch text {
		case "":
			r = 0
		case `"`, "}", "]":
			r = 1
		}
		if r = 4*r + w.rng.IntN(8); r < rank {
			best, rank = t, r
		}
	}
	return best
}

func set(mask []uint32) []constrain.Token {
	var out []constrain.Token
	for i, w := range mask {
		for ; w != 0; w &= w - 1 {
			out = append(out, constrain.Token(i*32+bits.TrailingZeros32(w)))
		}
	}
	return out
}
