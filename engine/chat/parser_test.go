package chat_test

import (
	"errors"
	"reflect"
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
func tagged(text string, partial bool) (chat.Parts, error) {
	if partial {
		text = withoutHalfTag(text)
	}
	inside, ok := strings.CutPrefix(text, open)
	if !ok {
		return chat.Parts{Content: text}, nil
	}
	reasoning, content, closed := strings.Cut(inside, shut)
	if closed {
		reasoning = strings.TrimRight(reasoning, " \n")
	}
	return chat.Parts{Reasoning: reasoning, Content: content}, nil
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
func run(t interface{ Fatalf(string, ...any) }, p chat.Parser, pieces ...string) chat.Parts {
	var sum chat.Parts
	add := func(d chat.Delta, err error) {
		if err != nil {
			t.Fatalf("%q: %v", pieces, err)
		}
		sum.Content += d.Content
		sum.Reasoning += d.Reasoning
		for _, c := range d.Calls {
			if c.Index == len(sum.Calls) {
				sum.Calls = append(sum.Calls, chat.ToolCall{ID: c.ID, Name: c.Name})
			} else if c.Name != "" || c.ID != "" {
				t.Fatalf("%q: the name of call %d comes twice", pieces, c.Index)
			}
			sum.Calls[c.Index].Arguments += c.Arguments
		}
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
		want   chat.Parts
	}{
		{"an answer without tags is content", []string{"Hel", "lo"}, chat.Parts{Content: "Hello"}},
		{"a tag across pieces never shows", []string{"<th", "ink>why", "</", "think>so"}, chat.Parts{Reasoning: "why", Content: "so"}},
		{"an unfinished reasoning is reasoning", []string{"<think>", "why"}, chat.Parts{Reasoning: "why"}},
		{"half a tag at the end is text", []string{"a </th"}, chat.Parts{Content: "a </th"}},
		{"white space that a tag swallows never shows", []string{"<think>why", " \n", "</think>so"}, chat.Parts{Reasoning: "why", Content: "so"}},
		{"white space at the end is kept", []string{"so", "\n"}, chat.Parts{Content: "so\n"}},
		{"no text is an empty answer", nil, chat.Parts{}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := run(t, chat.NewParser(tagged), c.pieces...); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestPlainPassesTextThrough(t *testing.T) {
	if got := run(t, chat.Plain{}, "<think>", " a\n"); !reflect.DeepEqual(got, chat.Parts{Content: "<think> a\n"}) {
		t.Errorf("got %+v", got)
	}
}

func TestTheCutDoesNotMatter(t *testing.T) { rapid.Check(t, theCutDoesNotMatter) }

func theCutDoesNotMatter(t *rapid.T) {
	text := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{open, shut, "a", " ", "\n", "<", "/th", "é"}), 0, 40).Draw(t, "text"), "")
	want, _ := tagged(text, false)
	if got := run(t, chat.NewParser(tagged), cut(t, text)...); !reflect.DeepEqual(got, want) {
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
		if got := run(t, chat.NewParser(tagged), pieces...); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

var errRefused = errors.New("refused")

func TestAnAnswerInNoSyntaxIsContent(t *testing.T) {
	refuse := func(string, bool) (chat.Parts, error) { return chat.Parts{}, errRefused }
	if got := run(t, chat.NewParser(refuse), "any ", "text"); !reflect.DeepEqual(got, chat.Parts{Content: "any text"}) {
		t.Errorf("got %+v", got)
	}
}

func TestAnAnswerThatLeavesItsSyntaxFails(t *testing.T) {
	for _, c := range []struct {
		rule  string
		parse chat.ParseFunc
	}{
		{"when the parser refuses the end", func(text string, partial bool) (chat.Parts, error) {
			if !partial {
				return chat.Parts{}, errRefused
			}
			return chat.Parts{Content: text}, nil
		}},
		{"when the parser changes its mind", func(text string, partial bool) (chat.Parts, error) {
			if !partial {
				return chat.Parts{Content: "other"}, nil
			}
			return chat.Parts{Content: text}, nil
		}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			p := chat.NewParser(c.parse)
			if d, err := p.Push("said"); err != nil || d.Content != "said" {
				t.Fatalf("Push: %+v, %v", d, err)
			}
			if d, err := p.Close(); !errors.Is(err, chat.ErrSyntax) || !d.Empty() {
				t.Errorf("Close: %+v, %v", d, err)
			}
		})
	}
}

func TestARefusalInTheMiddleIsHeldBack(t *testing.T) {
	p := chat.NewParser(func(text string, partial bool) (chat.Parts, error) {
		if partial && strings.Count(text, "(") != strings.Count(text, ")") {
			return chat.Parts{}, errRefused
		}
		return chat.Parts{Content: text}, nil
	})
	if got := run(t, p, "a(", "b", ")c"); !reflect.DeepEqual(got, chat.Parts{Content: "a(b)c"}) {
		t.Errorf("got %+v", got)
	}
}

func TestParsingALongAnswerStaysLinear(t *testing.T) {
	const n = 1 << 17
	parsed := 0
	p := chat.NewParser(func(text string, partial bool) (chat.Parts, error) {
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
