package chat

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

const plain = "{% for m in messages %}{{ m.content }}{% endfor %}"

func TestNewRefusesATemplate(t *testing.T) {
	deep := func(before, again, after string) string {
		return plain + before + strings.Repeat(again, 100_000) + after
	}
	for _, c := range []struct{ rule, source, want string }{
		{"that isn't UTF-8", "\xff" + plain, "not valid UTF-8"},
		{"with an unknown statement", "{% nonsense %}", "Unknown statement: nonsense"},
		{"that ends in a tag", "{% if", "Unexpected EOF"},
		{"that ends in a string", "{{ 'abc", "unexpected end of input"},
		{"with brackets nested without bounds", deep("{{", "(", "}}"), "more than 500 tokens"},
		{"with operators chained without bounds", deep("{{", "not ", "1}}"), "more than 500 tokens"},
		{"with blocks nested without bounds", deep("", "{% if true %}", ""), "nest deeper than 100"},
		{"with captures nested without bounds", deep("", "{% set x %}", ""), "nest deeper than 100"},
		{"with elif chained without bounds", deep("{% if false %}", "{% elif false %}", "{% endif %}"), "nest deeper than 100"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			tmpls, err := New(nil, c.source)
			if err == nil {
				tmpls.Close()
			}
			var refused *TemplateError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestNewNeedsAModelOrATemplate(t *testing.T) {
	if _, err := New(nil, ""); err == nil {
		t.Error("no error")
	}
}

func TestATemplateMayBeLongWithoutBeingDeep(t *testing.T) {
	long := strings.Repeat("{% set x = 1 %}{% if x == 1 %}{{ x }}{% endif %}", 500)
	if got := render(t, parse(t, long+plain), ask("Hi")).Prompt; got != strings.Repeat("1", 500)+"Hi" {
		t.Errorf("got %q", got)
	}
}

func TestRenderRefuses(t *testing.T) {
	nested := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	turns := func(roles ...string) (r Request) {
		for _, role := range roles {
			r.Messages = append(r.Messages, Message{Role: role, Content: "x"})
		}
		return r
	}
	calls := func(arguments string) Request {
		return Request{Messages: []Message{{Role: "assistant", ToolCalls: []ToolCall{{ID: "1", Name: "f", Arguments: arguments}}}}}
	}
	tools := ask("Hi")
	tools.Tools = json.RawMessage(nested)
	choice := ask("Hi")
	choice.ToolChoice = "perhaps"
	for _, c := range []struct {
		rule, template string
		request        Request
		want           string
	}{
		{"what the template raises", "strict", turns("user", "user"), "Roles must alternate user/assistant/user/assistant/..."},
		{"invalid UTF-8", "think", ask("\xff"), "messages[0]: not valid UTF-8"},
		{"variables of the conversation itself", "think", ask("Hi").with("messages", "[]"), `"messages" can't be set`},
		{"variables that aren't JSON", "think", ask("Hi").with("x", "{"), "not valid JSON"},
		{"variables that nest too deep", "think", ask("Hi").with("x", nested), "nests deeper"},
		{"enable_thinking that isn't a boolean", "think", ask("Hi").with("enable_thinking", `"no"`), "must be a boolean"},
		{"arguments that nest too deep", "tools", calls(nested), "nest deeper"},
		{"tools that nest too deep", "tools", tools, "nests deeper"},
		{"an unknown tool choice", "tools", choice, "perhaps"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := load(t, c.template).Render(c.request)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestOnlyTheObjectionIsTheMessage(t *testing.T) {
	_, err := load(t, "strict").Render(Request{Messages: []Message{{Role: "user"}, {Role: "user"}}})
	var refused *TemplateError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v", err)
	}
	if strings.Contains(refused.Message, "\n") || !strings.Contains(refused.Detail, "line 4") {
		t.Errorf("message %q, detail %q", refused.Message, refused.Detail)
	}
}

func TestHugeContentIsRendered(t *testing.T) {
	content := strings.Repeat("[{(\"", 1<<20)
	if got := render(t, parse(t, plain), ask(content)).Prompt; got != content {
		t.Errorf("got %d bytes, want %d", len(got), len(content))
	}
}

// The C++ side has a log of its own; a bad template must not reach the terminal.
func TestNothingIsPrinted(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	channels := render(t, load(t, "channels"), ask("Hi"))
	restore := redirect(t, write)
	_, newErr := New(nil, "{% nonsense %}")
	_, parseErr := channels.Parse("an answer in no channel", false)
	time.Sleep(50 * time.Millisecond) // its log has a thread of its own
	restore()
	if newErr == nil || parseErr == nil {
		t.Errorf("errors %v and %v", newErr, parseErr)
	}
	write.Close()
	printed := make([]byte, 1<<16)
	if n, _ := read.Read(printed); n > 0 {
		t.Errorf("printed %q", printed[:n])
	}
}

func FuzzRender(f *testing.F) {
	f.Add("user", "Hi", `{"a": [1]}`)
	f.Add("assistant", "<think>a</think>", `[[[`)
	f.Add("tool", "\x00", ``)
	tmpls, err := New(nil, plain)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(tmpls.Close)
	f.Fuzz(func(t *testing.T, role, content, value string) {
		r := Request{Messages: []Message{{Role: role, Content: content, ToolCalls: []ToolCall{{Name: role, Arguments: value}}}}}
		out, err := tmpls.Render(r.with("x", value))
		if err == nil && role != "system" && role != "developer" && out.Prompt != content {
			t.Errorf("got %q, want %q", out.Prompt, content)
		}
	})
}
