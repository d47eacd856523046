package llama

import (
	"errors"
	"maps"
	"math"
	"slices"
	"testing"

	native "github.com/moltbot/moltbot/cgo/llama"
)

func TestLogitBias(t *testing.T) {
	for _, c := range []struct {
		rule, text string
		want       map[int32]float64
	}{
		{"none is none", "", map[int32]float64{}},
		{"a sign says which way", "15-1.5", map[int32]float64{15: -1.5}},
		{"blanks don't matter", " 15 + 2 ", map[int32]float64{15: 2}},
		{"without a sign it is refused", "15 2", nil},
		{"without a number it is refused", "15+", nil},
		{"two points are refused", "15+1.2.3", nil},
		{"a token beyond 32 bits is refused", "99999999999+1", nil},
	} {
		got := map[int32]float64{}
		err := addBias(got, c.text)
		if (err != nil) != (c.want == nil) || err == nil && !maps.Equal(got, c.want) {
			t.Errorf("%s: got %v, %v", c.rule, got, err)
		}
	}
}

func TestStopWords(t *testing.T) {
	for _, c := range []struct {
		rule, before, piece string
		words               []string
		want                string
		ends                bool
	}{
		{"a word within a piece", "a ", "b stop c", []string{"stop"}, "a b ", true},
		{"a word across pieces", "a st", "op", []string{"stop"}, "a ", true},
		{"the first of two", "a", "bc", []string{"c", "b"}, "a", true},
		{"no word", "a", "b", []string{"c"}, "ab", false},
		{"an empty word is none", "a", "b", []string{""}, "ab", false},
		{"half a word", "s", "to", []string{"stop"}, "sto", false},
	} {
		g := &generation{text: c.before + c.piece, po: PredictOptions{StopPrompts: c.words}}
		if ends := g.stop(len(c.before)); ends != c.ends || g.text != c.want {
			t.Errorf("%s: got %q, %v", c.rule, g.text, ends)
		}
	}
}

func TestAGuessIsSureWhenTwiceAsLikely(t *testing.T) {
	half := float32(math.Ln2)
	for _, c := range []struct {
		logits []float32
		want   native.Token
		sure   bool
	}{
		{[]float32{0, 1, 1 + half + 0.01}, 2, true},
		{[]float32{1 + half - 0.01, 1, 0}, 0, false},
		{[]float32{1, 1}, 0, false},
	} {
		if got, sure := likeliest(c.logits); got != c.want || sure != c.sure {
			t.Errorf("%v: got %d, %v", c.logits, got, sure)
		}
	}
}

func FuzzState(f *testing.F) {
	whole, err := state{Model: "m", Tokens: []native.Token{1, 2}, Cells: []byte("cells")}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decodeState(data)
		if err != nil {
			if !errors.Is(err, ErrState) {
				t.Errorf("got %v", err)
			}
			return
		}
		again, err := s.encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeState(again)
		if err != nil || back.Model != s.Model || !slices.Equal(back.Tokens, s.Tokens) || string(back.Cells) != string(s.Cells) {
			t.Errorf("%+v became %+v, %v", s, back, err)
		}
	})
}
