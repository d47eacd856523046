package llama

import (
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// writable returns what a vocabulary can write: SmolLM2's lacks some bytes, which
// llama.cpp drops, and SentencePiece writes a space as U+2581.
func writable(v Vocab) func(rune) rune {
	var has [256]bool
	for t := range Token(v.NTokens()) {
		if p := v.Piece(nil, t, false); len(p) == 1 {
			has[p[0]] = true
		}
	}
	return func(r rune) rune {
		for _, b := range []byte(string(r)) {
			if !has[b] || r == '\u2581' {
				return -1
			}
		}
		return r
	}
}

func TestPiecesOfAnyTextAreTheText(t *testing.T) {
	for _, name := range []string{"smollm2", "gemma3"} {
		v := openModel(t, name).Vocab()
		keep := writable(v)
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			want := strings.Map(keep, rapid.String().Draw(t, "text"))
			tokens, err := v.Tokenize(want, false, false)
			if err != nil {
				t.Fatal(err)
			}
			if got := text(v, tokens); got != want {
				t.Errorf("%q came back as %q by %v", want, got, tokens)
			}
		}))
	}
}

func TestVocabulariesAreToldApart(t *testing.T) {
	v, g := openModel(t, "smollm2").Vocab(), openModel(t, "gemma3").Vocab()
	if v.Type() != openModel(t, "smollm2").Vocab().Type() || v.Type() == g.Type() {
		t.Errorf("SmolLM2 is of type %d, gemma of type %d", v.Type(), g.Type())
	}
	if !v.SameText(v, 1000) || v.SameText(g, 1000) {
		t.Error("token 1000 is the same text with itself alone")
	}
}

func TestTokenize(t *testing.T) {
	v := openModel(t, "smollm2").Vocab()
	g := openModel(t, "gemma3").Vocab()
	for _, c := range []struct {
		rule           string
		v              Vocab
		text           string
		special, parse bool
		want           int // tokens
	}{
		{"no text is no token", v, "", false, false, 0},
		{"BOS comes where the model wants it", g, "", true, false, 1},
		{"BOS stays away where it isn't asked for", g, "", false, false, 0},
		{"a control text is one token when parsed", v, "<|im_end|>", false, true, 1},
		{"a zero byte is text like any other", v, "a\x00b", false, false, 3},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got, err := c.v.Tokenize(c.text, c.special, c.parse)
			if err != nil || len(got) != c.want {
				t.Errorf("got %v, %v; want %d tokens", got, err, c.want)
			}
		})
	}
	plain, err := v.Tokenize("<|im_end|>", false, false)
	if err != nil || len(plain) < 2 || text(v, plain) != "<|im_end|>" {
		t.Errorf("unparsed control text: got %v, %v; want plain text", plain, err)
	}
}

func TestControlTokensHaveNoText(t *testing.T) {
	v := openModel(t, "smollm2").Vocab()
	end := tokenize(t, v, "<|im_end|>")[0]
	if !v.IsEOG(end) || !v.IsControl(end) || v.EOS() != end {
		t.Errorf("token %d: EOG %t, control %t, EOS %d", end, v.IsEOG(end), v.IsControl(end), v.EOS())
	}
	if got := v.Piece([]byte("kept"), end, false); string(got) != "kept" {
		t.Errorf("got %q, want the buffer as it was", got)
	}
	hello := tokenize(t, v, "hello")[0]
	if v.IsEOG(hello) || v.IsControl(hello) {
		t.Errorf("the token of a word ends a generation or is a control token")
	}
}

func TestTokensOutsideTheVocabularyAreHarmless(t *testing.T) {
	v := openModel(t, "smollm2").Vocab()
	for _, token := range []Token{-1, Token(v.NTokens()), 1 << 30} {
		if v.IsEOG(token) || v.IsControl(token) || len(v.Piece(nil, token, false)) != 0 {
			t.Errorf("token %d has a meaning", token)
		}
	}
}

func TestVocabIsSafeForConcurrentUse(t *testing.T) {
	v := openModel(t, "smollm2").Vocab()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				const want = "Many hands make light work, says the proverb."
				tokens, err := v.Tokenize(want, false, false)
				if err != nil || text(v, tokens) != want {
					t.Errorf("got %v, %v", tokens, err)
				}
			}
		})
	}
	all.Wait()
}
