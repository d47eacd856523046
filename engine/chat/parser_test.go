package chat_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/moltbot/moltbot/engine/chat"
)

const (
	open = "<think>"
	shut = "</think>"
)

// tagged is a plain parser of "<think>reasoning</think>content". It shows too
// much of an unfinished text: the white space that a closing tag swallows.
func tagged(text string, partial bool) (chat.Delta, error) {
	if partial {
		text = withoutHalfTag(text)
	}
	inside, ok := strings.CutPrefix(text, open)
	if !ok {
		return chat.Delta{Content: text}, nil
	}
	reasoning, content, closed := strings.Cut(inside, shut)
	if closed {
		reasoning = strings.TrimRight(reasoning, " \n")
	}
	return chat.Delta{Reasoning: reasoning, Content: content}, nil
}

// withoutHalfTag drops what may become a tag.
func withoutHalfTag(text string) string {
	if strings.HasPrefix(open, text) {
		return ""
	}
	for n := len(shut) - 1; n > 0; n-- {
		if strings.HasSuffix(text, shut[:n]) {
			return text[:len(text)-n]
		}
	}
	return text
}

// run pushes the pieces and returns the sum of what came out.
func run(t interface{ Fatalf(string, ...any) }, p chat.Parser, pieces ...string) chat.Delta {
	var sum chat.Delta
	add := func(d chat.Delta, err error) {
		if err != nil {
			t.Fatalf("%q: %v", pieces, err)
		}
		sum.Content += d.Content
		sum.Reasoning += d.Reasoning
	}
	for _, s := range pieces {
		add(p.Push(s))
	}
	add(p.Close())
	return sum
}

func TestParserSeparates(t *testing.T) {
	for _, c := range []struct {
		rule   string
		pieces []string
		want   chat.Delta
	}{
		{"an answer without tags is content", []string{"Hel", "lo"}, chat.Delta{Content: "Hello"}},
		{"a tag across pieces never shows", []string{"<th", "ink>why", "</", "think>so"}, chat.Delta{Reasoning: "why", Content: "so"}},
		{"an unfinished reasoning is reasoning", []string{"<think>", "why"}, chat.Delta{Reasoning: "why"}},
		{"half a tag at the end is text", []string{"a </th"}, chat.Delta{Content: "a </th"}},
		{"white space that a tag swallows never shows", []string{"<think>why", " \n", "</think>so"}, chat.Delta{Reasoning: "why", Content: "so"}},
		{"white space at the end is kept", []string{"so", "\n"}, chat.Delta{Content: "so\n"}},
		{"no text is an empty answer", nil, chat.Delta{}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := run(t, chat.NewParser(tagged), c.pieces...); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestPlainPassesTextThrough(t *testing.T) {
	if got := run(t, chat.Plain{}, "<think>", " a\n"); got != (chat.Delta{Content: "<think> a\n"}) {
		t.Errorf("got %+v", got)
	}
}

func TestTheCutDoesNotMatter(t *testing.T) { rapid.Check(t, theCutDoesNotMatter) }

func theCutDoesNotMatter(t *rapid.T) {
	text := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{open, shut, "a", " ", "\n", "<", "/th", "é"}), 0, 40).Draw(t, "text"), "")
	want, _ := tagged(text, false)
	if got := run(t, chat.NewParser(tagged), cut(t, text)...); got != want {
		t.Fatalf("got %+v, want %+v", got, want)
	}
}

// cut draws how a text arrives.
func cut(t *rapid.T, text string) (pieces []string) {
	for text != "" {
		n := rapid.IntRange(1, len(text)).Draw(t, "piece")
		pieces, text = append(pieces, text[:n]), text[n:]
	}
	return pieces
}

func FuzzParser(f *testing.F) {
	f.Add("<think>why</think>so", 3)
	f.Add("<think", 1)
	f.Fuzz(func(t *testing.T, text string, step int) {
		if step < 1 {
			step = 1
		}
		want, _ := tagged(text, false)
		var pieces []string
		for rest := text; rest != ""; {
			n := min(step, len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		if got := run(t, chat.NewParser(tagged), pieces...); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

var errRefused = errors.New("refused")

func TestAnAnswerInNoSyntaxIsContent(t *testing.T) {
	refuse := func(string, bool) (chat.Delta, error) { return chat.Delta{}, errRefused }
	if got := run(t, chat.NewParser(refuse), "any ", "text"); got != (chat.Delta{Content: "any text"}) {
		t.Errorf("got %+v", got)
	}
}

func TestAnAnswerThatLeavesItsSyntaxFails(t *testing.T) {
	for _, c := range []struct {
		rule  string
		parse chat.ParseFunc
	}{
		{"when the parser refuses the end", func(text string, partial bool) (chat.Delta, error) {
			if !partial {
				return chat.Delta{}, errRefused
			}
			return chat.Delta{Content: text}, nil
		}},
		{"when the parser changes its mind", func(text string, partial bool) (chat.Delta, error) {
			if !partial {
				return chat.Delta{Content: "other"}, nil
			}
			return chat.Delta{Content: text}, nil
		}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			p := chat.NewParser(c.parse)
			if d, err := p.Push("said"); err != nil || d.Content != "said" {
				t.Fatalf("Push: %+v, %v", d, err)
			}
			if d, err := p.Close(); !errors.Is(err, chat.ErrSyntax) || d != (chat.Delta{}) {
				t.Errorf("Close: %+v, %v", d, err)
			}
		})
	}
}

func TestARefusalInTheMiddleIsHeldBack(t *testing.T) {
	p := chat.NewParser(func(text string, partial bool) (chat.Delta, error) {
		if partial && strings.Count(text, "(") != strings.Count(text, ")") {
			return chat.Delta{}, errRefused
		}
		return chat.Delta{Content: text}, nil
	})
	if got := run(t, p, "a(", "b", ")c"); got != (chat.Delta{Content: "a(b)c"}) {
		t.Errorf("got %+v", got)
	}
}

func TestParsingALongAnswerStaysLinear(t *testing.T) {
	const n = 1 << 17
	parsed := 0
	p := chat.NewParser(func(text string, partial bool) (chat.Delta, error) {
		parsed += len(text)
		return tagged(text, partial)
	})
	told := 0
	for i := range n {
		d, err := p.Push("x")
		if err != nil {
			t.Fatal(err)
		}
		told += len(d.Content)
		if late := i + 1 - told; late > i/128+1 {
			t.Fatalf("%d of %d bytes are held back", late, i+1)
		}
	}
	if parsed > 300*n {
		t.Errorf("parsed %d bytes for a text of %d", parsed, n)
	}
}
