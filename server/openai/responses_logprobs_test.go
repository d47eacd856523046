package openai

import (
	"strings"
	"testing"

	"github.com/moltbot/moltbot/engine"
)

func TestTokensBelongToTheTextTheyMade(t *testing.T) {
	for _, c := range []struct {
		rule       string
		came       []string
		text       string
		made, left string // joined by |
	}{
		{"all of them", []string{"a", "b"}, "ab", "a|b", ""},
		{"what is held back is left", []string{"a", " ", "b"}, "a", "a", " |b"},
		{"tags before it are forgotten", []string{"</think>", "\n", "hi"}, "hi", "hi", ""},
		{"a token with a bit of it is of it", []string{"x>a", "b<"}, "ab", "x>a|b<", ""},
		{"bytes of one character", []string{"\xe2\x82", "\xac", "x"}, "€", "\xe2\x82|\xac", "x"},
		{"a text that no token reads as", []string{"\xff", "b"}, "\uFFFDb", "\xff|b", ""},
		{"no token", nil, "a", "", ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			a := &responsesAnswer{}
			for _, text := range c.came {
				a.came = append(a.came, engine.TokenLogprob{Bytes: []byte(text)})
			}
			if made := texts(a.spoken(c.text)); made != c.made || texts(a.came) != c.left {
				t.Errorf("made of %q, left %q; want %q, %q", made, texts(a.came), c.made, c.left)
			}
		})
	}
}

func texts(ts []engine.TokenLogprob) string {
	all := make([]string, len(ts))
	for i, t := range ts {
		all[i] = string(t.Bytes)
	}
	return strings.Join(all, "|")
}
