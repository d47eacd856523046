package chat

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		rule, template, text string
		want                 Answer
	}{
		{"reasoning is between the tags", "think", "<think>\nwhy\n</think>\n\nso\n", Answer{Reasoning: "why\n", Content: "so\n"}},
		{"an answer may come without reasoning", "think", "so", Answer{Content: "so"}},
		{"reasoning that was cut off is reasoning", "think", "<think>\nwhy", Answer{Reasoning: "why"}},
		{"a prompt may have opened the reasoning", "forced", "why</think>so", Answer{Reasoning: "\nwhy", Content: "so"}},
		{"parts come in channels", "channels", "<|channel|>analysis<|message|>why<|end|><|start|>assistant<|channel|>final<|message|>so", Answer{Reasoning: "why", Content: "so"}},
		{"where nothing is marked all is content", "strict", "<think>a</think>\n", Answer{Content: "<think>a</think>\n"}},
		{"calls aren't looked for without tools", "tools", "<tool_call>a", Answer{Content: "<tool_call>a"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got, err := render(t, load(t, c.template), ask("Hi")).Parse(c.text, false)
			if err != nil || got.Content != c.want.Content || got.Reasoning != c.want.Reasoning || len(got.ToolCalls) > 0 {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

// A streaming parser is built on this: parts only ever grow, but for white space.
func TestPartialAnswersGrow(t *testing.T) {
	const text = "<think>\nIs 1 < 2?\n Yes.\n</think>\n\nYes: <b>1</b> < 2.\n"
	r := render(t, load(t, "think"), ask("Hi"))
	var last Answer
	for n := range len(text) + 1 {
		now, err := r.Parse(text[:n], true)
		if err != nil {
			t.Fatalf("after %q: %v", text[:n], err)
		}
		if !grows(last.Content, now.Content) || !grows(last.Reasoning, now.Reasoning) {
			t.Fatalf("after %q: %+v became %+v", text[:n], last, now)
		}
		if strings.Contains(now.Content+now.Reasoning, "think") || strings.HasSuffix(now.Reasoning, "</") {
			t.Fatalf("after %q a tag shows: %+v", text[:n], now)
		}
		last = now
	}
}

func grows(from, to string) bool { return strings.HasPrefix(to, strings.TrimRight(from, " \n")) }

const clock = `[{"type": "function", "function": {"name": "now", "description": "The time.",
	"parameters": {"type": "object", "properties": {"zone": {"type": "array"}}}}}]`

// withTools asks with a tool at hand.
func withTools(t *testing.T) *Rendered {
	t.Helper()
	r := ask("What time is it?")
	r.Tools = json.RawMessage(clock)
	return render(t, load(t, "tools"), r)
}

func TestToolCallsAreCutOut(t *testing.T) {
	r := withTools(t)
	if !strings.Contains(r.Prompt, "The time.") || r.Grammar == "" || !r.GrammarLazy || len(r.GrammarTriggers) == 0 {
		t.Errorf("prompt %q, grammar %q, lazy %v, triggers %v", r.Prompt, r.Grammar, r.GrammarLazy, r.GrammarTriggers)
	}
	a, err := r.Parse("One moment.<tool_call>\n{\"name\": \"now\", \"arguments\": {\"zone\": [\"UTC\"]}}\n</tool_call>", false)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.ToolCalls) != 1 || a.ToolCalls[0].Name != "now" || a.ToolCalls[0].Arguments != `{"zone": ["UTC"]}` || a.Content != "One moment." {
		t.Errorf("got %+v", a)
	}
}

func TestParseRefusesAnAnswerInAnotherSyntax(t *testing.T) {
	_, err := render(t, load(t, "channels"), ask("Hi")).Parse("an answer in no channel", false)
	var refused *TemplateError
	if !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ rule, text, want string }{
		{"invalid UTF-8", "\xff", "not valid UTF-8"},
		{"calls that nest without bounds", `<tool_call>{"name": "now", "arguments": {"zone": ` + strings.Repeat("[", 100_000), "nests deeper"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if _, err := withTools(t).Parse(c.text, true); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
