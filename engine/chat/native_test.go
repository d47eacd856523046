package chat_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/moltbot/moltbot/engine/chat"
)

// taggedCalls writes calls as [CALL]name[ARGS]{…} and counts its renderings.
type taggedCalls struct {
	renderings int
	pieces     func(string) []chat.Piece
}

func (x *taggedCalls) Render(c chat.Conversation) (chat.Prompt, error) {
	x.renderings++
	var b strings.Builder
	for _, m := range c.Messages {
		b.WriteString("<" + m.Role + ">" + m.Content)
		for _, call := range m.ToolCalls {
			b.WriteString("[CALL]" + call.Name + "[ARGS]" + call.Arguments)
		}
		b.WriteString("</>")
	}
	if !c.Past {
		b.WriteString("<assistant>")
	}
	return chat.Prompt{Text: b.String(), Parser: func() chat.Parser { return chat.NewParser(readTagged) }, Keep: []string{"[CALL]"}, Pieces: x.pieces}, nil
}

// readTagged is a ParseFunc for whole answers.
func readTagged(text string, partial bool) (chat.Parts, error) {
	content, rest, _ := strings.Cut(text, "[CALL]")
	p := chat.Parts{Content: content}
	if partial {
		return p, nil
	}
	for _, call := range strings.Split(rest, "[CALL]") {
		if name, arguments, ok := strings.Cut(call, "[ARGS]"); ok && json.Valid([]byte(arguments)) {
			p.Calls = append(p.Calls, chat.ToolCall{Name: name, Arguments: arguments})
		}
	}
	return p, nil
}

func native(t *testing.T, n *chat.Native, c chat.Conversation) chat.Prompt {
	t.Helper()
	p, err := n.Render(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTheFormOfCallsIsFoundOnce(t *testing.T) {
	x := &taggedCalls{}
	n := chat.NewNative(x)
	c := ask(chat.Choice{Mode: chat.ModeRequired})
	first := native(t, n, c)
	if x.renderings != 4 || !strings.Contains(first.Grammar.Source, `"[CALL]look[ARGS]" arguments_0`) {
		t.Errorf("%d renderings, %s", x.renderings, first.Grammar.Source)
	}
	c.Messages = append(c.Messages, chat.Message{Role: "assistant", Content: "so"}, chat.Message{Role: "user", Content: "and?"})
	if again := native(t, n, c); x.renderings != 5 || again.Grammar.Source != first.Grammar.Source {
		t.Errorf("%d renderings, %s", x.renderings, again.Grammar.Source)
	}
	c.Tools = c.Tools[:1]
	if native(t, n, c); x.renderings != 9 {
		t.Errorf("%d renderings: other tools may be called in another form", x.renderings)
	}
}

func TestFormsAreForgottenInTheirOrder(t *testing.T) {
	x := &taggedCalls{}
	n := chat.NewNative(x)
	c := ask(chat.Choice{Mode: chat.ModeRequired})
	for i := range 65 { // one more than is remembered
		c.Tools = []chat.Tool{{Name: fmt.Sprintf("tool%d", i)}}
		native(t, n, c)
	}
	for _, ask := range []struct{ tool, renderings int }{{64, 1}, {1, 1}, {0, 4}} {
		before := x.renderings
		c.Tools = []chat.Tool{{Name: fmt.Sprintf("tool%d", ask.tool)}}
		if native(t, n, c); x.renderings-before != ask.renderings {
			t.Errorf("tool %d took %d renderings, want %d", ask.tool, x.renderings-before, ask.renderings)
		}
	}
}

func TestEachParserIsNew(t *testing.T) {
	p := native(t, chat.NewNative(&taggedCalls{}), ask(chat.Choice{Mode: chat.ModeRequired}))
	for range 2 {
		if got := run(t, p.Parser(), "[CALL]look[ARGS]{}"); len(got.Calls) != 1 || got.Calls[0].Name != "look" {
			t.Errorf("got %+v", got)
		}
	}
}

// brackets takes [CALL] for token 7 and [ARGS] for token 8.
func brackets(text string) (out []chat.Piece) {
	for text != "" {
		at := strings.IndexByte(text, '[')
		switch {
		case at < 0:
			return append(out, chat.Piece{Text: text})
		case at > 0:
			out, text = append(out, chat.Piece{Text: text[:at]}), text[at:]
		case strings.HasPrefix(text, "[CALL]"):
			out, text = append(out, chat.Piece{Text: "[CALL]", Control: true, Token: 7}), text[6:]
		default:
			out, text = append(out, chat.Piece{Text: "[ARGS]", Control: true, Token: 8}), text[6:]
		}
	}
	return out
}

func TestControlTokensAreWrittenByNumber(t *testing.T) {
	for _, c := range []struct {
		rule   string
		choice chat.Choice
		has    []string
	}{
		{"a forced call", chat.Choice{Mode: chat.ModeRequired}, []string{`calls: (<[7]> "look" <[8]> arguments_0 | <[7]> "go" <[8]> arguments_1)`}},
		{"a free answer, guarded from the token on", chat.Choice{}, []string{"said: FREE? <[7]>\n", "FREE: /(?s:.+)/\n", `calls: ("look" <[8]> arguments_0 | "go" <[8]> arguments_1)`}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			conv := ask(c.choice)
			conv.Tools = []chat.Tool{{Name: "look", Strict: true}, {Name: "go", Strict: true}}
			p := native(t, chat.NewNative(&taggedCalls{pieces: brackets}), conv)
			for _, want := range c.has {
				if !strings.Contains(p.Grammar.Source, want) {
					t.Errorf("%q is not in\n%s", want, p.Grammar.Source)
				}
			}
			if !p.Grammar.Tokens || strings.Join(p.Keep, " ") != "[CALL] [ARGS]" {
				t.Errorf("tokens %t, kept for the parser: %q", p.Grammar.Tokens, p.Keep)
			}
		})
	}
}
