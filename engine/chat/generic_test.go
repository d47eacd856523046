package chat_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/moltbot/moltbot/engine/chat"
)

// lines is a template that writes "role: content" and knows no tools.
type lines struct{}

func (lines) Render(c chat.Conversation) (chat.Prompt, error) {
	var b strings.Builder
	for _, m := range c.Messages {
		if m.Role == "tool" || len(m.ToolCalls) > 0 || len(c.Tools) > 0 {
			return chat.Prompt{}, errors.New("this template knows no tools")
		}
		b.WriteString(m.Role + ": " + m.Content + "\n")
	}
	return chat.Prompt{Text: b.String(), Parser: func() chat.Parser { return chat.Plain{} }, Stops: []string{"\n\n"}}, nil
}

var tools = []chat.Tool{
	{Name: "look", Description: "Look <around>.", Parameters: `{"type": "object"}`},
	{Name: "go"},
}

func generic(t *testing.T, c chat.Conversation) chat.Prompt {
	t.Helper()
	p, err := chat.Generic{Template: lines{}}.Render(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func ask(c chat.Choice) chat.Conversation {
	return chat.Conversation{Messages: []chat.Message{{Role: "user", Content: "hi"}}, Tools: tools, Choice: c, Parallel: true}
}

func TestToolsAreToldInTheSystemMessage(t *testing.T) {
	c := ask(chat.Choice{})
	if p := generic(t, c); !strings.HasPrefix(p.Text, "system: ") || !strings.Contains(p.Text, `{"name": "look", "description": "Look <around>.", "parameters": {"type":"object"}}`) || !strings.Contains(p.Text, `"go"`) {
		t.Errorf("got %q", p.Text)
	}
	c.Messages = append([]chat.Message{{Role: "system", Content: "Be kind."}}, c.Messages...)
	if p := generic(t, c); !strings.HasPrefix(p.Text, "system: Be kind.\n\n") || strings.Count(p.Text, "system: ") != 1 {
		t.Errorf("got %q", p.Text)
	}
	if c.Messages[0].Content != "Be kind." {
		t.Error("the caller's messages were changed")
	}
}

func TestPastCallsAndTheirResultsAreTold(t *testing.T) {
	c := ask(chat.Choice{Mode: chat.ModeNone})
	c.Messages = append(c.Messages,
		chat.Message{Role: "assistant", Content: "So.", ToolCalls: []chat.ToolCall{{ID: "1", Name: "look", Arguments: `{"a": 1}`}, {ID: "2", Name: "go", Arguments: "{broken"}, {ID: "3", Name: "go"}}},
		chat.Message{Role: "tool", ToolCallID: "1", Content: "a tree"}, chat.Message{Role: "tool", ToolCallID: "2", Content: "a wall"})
	p := generic(t, c)
	for _, want := range []string{
		"assistant: So.\n<tool_call>\n{\"name\": \"look\", \"arguments\": {\"a\": 1}}\n</tool_call>\n<tool_call>\n{\"name\": \"go\", \"arguments\": {broken}\n</tool_call>\n<tool_call>\n{\"name\": \"go\", \"arguments\": {}}",
		"user: <tool_response>\na tree\n</tool_response>\n<tool_response>\na wall\n</tool_response>\n",
	} {
		if !strings.Contains(p.Text, want) {
			t.Errorf("%q is not in %q", want, p.Text)
		}
	}
}

func TestTheGrammarOfCalls(t *testing.T) {
	for _, c := range []struct {
		rule     string
		choice   chat.Choice
		parallel bool
		has, not []string // nil has: there is no grammar
	}{
		{"a free answer has none", chat.Choice{}, true, nil, nil},
		{"calls that may not be made have none", chat.Choice{Mode: chat.ModeNone}, true, nil, nil},
		{"required: any tool, several calls", chat.Choice{Mode: chat.ModeRequired}, true, []string{`\"look\", \"arguments\": " arguments_0 | `, `){0,15}`, `%json {"type": "object"}`, `%json {"type":"object","properties":{},"additionalProperties":false}`}, nil},
		{"required, not parallel: one call", chat.Choice{Mode: chat.ModeRequired}, false, []string{` arguments_0 | `}, []string{`){0,`}},
		{"named: that tool, one call", chat.Choice{Mode: chat.ModeNamed, Names: []string{"go"}}, true, []string{`\"go\"`}, []string{`){0,`, "look", " | "}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			conv := ask(c.choice)
			conv.Parallel = c.parallel
			p := generic(t, conv)
			if (p.Grammar == nil) != (c.has == nil) {
				t.Fatalf("got %+v", p.Grammar)
			}
			for _, want := range c.has {
				if !strings.Contains(p.Grammar.Source, want) {
					t.Errorf("%q is not in\n%s", want, p.Grammar.Source)
				}
			}
			for _, never := range c.not {
				if strings.Contains(p.Grammar.Source, never) {
					t.Errorf("%q is in\n%s", never, p.Grammar.Source)
				}
			}
		})
	}
}

func TestAFreeAnswerIsGuardedWhereItCalls(t *testing.T) {
	for _, c := range []struct {
		rule   string
		change func(*chat.Conversation)
		has    []string
		not    string
	}{
		{
			"a strict tool", func(c *chat.Conversation) {
				c.Tools = []chat.Tool{{Name: "go", Strict: true}, {Name: "look", Parameters: `{"type": "string"}`}}
			},
			[]string{"start: (said calls)* FREE?", `said[suffix="<tool_call>"]`, `%json {"type":"object","properties":{},"additionalProperties":false}`, `%json {"type": "object"}`},
			"string",
		},
		{"one call at most", func(c *chat.Conversation) { c.Parallel = false }, []string{"start: said calls | FREE?"}, "){0,"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			conv := ask(chat.Choice{})
			c.change(&conv)
			source := generic(t, conv).Grammar.Source
			for _, want := range c.has {
				if !strings.Contains(source, want) {
					t.Errorf("%q is not in\n%s", want, source)
				}
			}
			if strings.Contains(source, c.not) {
				t.Errorf("%q is in\n%s", c.not, source)
			}
		})
	}
}

func call(name, arguments string) string {
	return "<tool_call>\n{\"name\": \"" + name + "\", \"arguments\": " + arguments + "}\n</tool_call>"
}

func TestCallsAreCutOutOfTheText(t *testing.T) {
	look := chat.ToolCall{Name: "look", Arguments: `{"a": "}"}`}
	for _, c := range []struct {
		rule, text string
		want       chat.Parts
	}{
		{"no call", "Hello <there>.", chat.Parts{Content: "Hello <there>."}},
		{"one call", call("look", `{"a": "}"}`), chat.Parts{Calls: []chat.ToolCall{look}}},
		{"text before a call", "So.\n\n" + call("go", `{}`), chat.Parts{Content: "So.\n\n", Calls: []chat.ToolCall{{Name: "go", Arguments: "{}"}}}},
		{"two calls", call("look", `{"a": "}"}`) + "\n" + call("go", `[]`), chat.Parts{Calls: []chat.ToolCall{look, {Name: "go", Arguments: "[]"}}}},
		{"text behind a call", call("go", `{}`) + "\nDone.", chat.Parts{Content: "Done.", Calls: []chat.ToolCall{{Name: "go", Arguments: "{}"}}}},
		{"members in another order", "<tool_call>{\"arguments\": {\"a\": 1}, \"name\": \"look\"}</tool_call>", chat.Parts{Calls: []chat.ToolCall{{Name: "look", Arguments: `{"a": 1}`}}}},
		{"arguments by their other name", "<tool_call>{\"name\": \"look\", \"parameters\": {\"a\": 1}}</tool_call>", chat.Parts{Calls: []chat.ToolCall{{Name: "look", Arguments: `{"a": 1}`}}}},
		{"an unknown tool is text", call("jump", `{}`), chat.Parts{Content: call("jump", `{}`)}},
		{"what is no call is text", "<tool_call>nonsense</tool_call>", chat.Parts{Content: "<tool_call>nonsense</tool_call>"}},
		{"an open tag at the end is text", "a <tool_call>", chat.Parts{Content: "a <tool_call>"}},
		{"half a tag at the end is text", "a <tool_", chat.Parts{Content: "a <tool_"}},
		{"a cut call is as far as it came", "<tool_call>\n{\"name\": \"look\", \"arguments\": {\"a\": [1, ", chat.Parts{Calls: []chat.ToolCall{{Name: "look", Arguments: `{"a": [1, `}}}},
		{"malformed arguments stay as they are", call("look", `{"a": "b`), chat.Parts{Calls: []chat.ToolCall{{Name: "look", Arguments: "{\"a\": \"b}\n"}}}},
		{"arguments that are no object", call("look", `"up"`), chat.Parts{Calls: []chat.ToolCall{{Name: "look", Arguments: `"up"`}}}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got := run(t, generic(t, ask(chat.Choice{})).Parser(), c.text)
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestCallsStreamHoweverTheyAreCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := []string{call("look", `{"a": 1}`), call("go", `{"b": "<tool_call>"}`), "<tool_call>", "</tool_call>", "{\"name\": \"look\", \"arguments\": ", "}", "text", " ", "\n", "<", "é"}
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 12).Draw(t, "text"), "")
		p, err := chat.Generic{Template: lines{}}.Render(ask(chat.Choice{}))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := run(t, p.Parser(), cut(t, text)...), run(t, p.Parser(), text); !reflect.DeepEqual(got, want) {
			t.Fatalf("in pieces %+v, at once %+v", got, want)
		}
	})
}

func TestHalfAnEndTagIsNotTold(t *testing.T) {
	p := generic(t, ask(chat.Choice{})).Parser()
	got := run(t, p, `<tool_call>{"name": "look", "arguments": {"a": 1</tool`, "_call>")
	want := chat.Parts{Calls: []chat.ToolCall{{Name: "look", Arguments: `{"a": 1`}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestArgumentsComeAsTheyAreWritten(t *testing.T) {
	p := generic(t, ask(chat.Choice{})).Parser()
	var early string
	for _, r := range "<tool_call>\n{\"name\": \"look\", \"arguments\": {\"where\": \"upstairs\"" {
		d, err := p.Push(string(r))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range d.Calls {
			early += c.Arguments
		}
	}
	if !strings.HasPrefix(early, `{"where": "upst`) {
		t.Errorf("before the call ends, only %q has come", early)
	}
}

func TestAForcedSchemaIsWrittenAsJSON(t *testing.T) {
	conv := ask(chat.Choice{Mode: chat.ModeNamed, Names: []string{"look"}})
	source := generic(t, conv).Grammar.Source
	_, rest, ok := strings.Cut(source, "%json ")
	var schema map[string]any
	if err := json.NewDecoder(strings.NewReader(rest)).Decode(&schema); !ok || err != nil || schema["type"] != "object" {
		t.Errorf("%v in %s", err, source)
	}
}
