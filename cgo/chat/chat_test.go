package chat

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// load makes templates from a file of testdata.
func load(t *testing.T, name string) *Templates {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("testdata", name+".jinja"))
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(src))
}

func parse(t *testing.T, src string) *Templates {
	t.Helper()
	tmpls, err := New(nil, src)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tmpls.Close)
	return tmpls
}

func render(t *testing.T, tmpls *Templates, r Request) *Rendered {
	t.Helper()
	out, err := tmpls.Render(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// ask is a conversation of one question.
func ask(content string) Request {
	return Request{Messages: []Message{{Role: "user", Content: content}}, AddGenerationPrompt: true}
}

// with sets a template variable.
func (r Request) with(name, value string) Request {
	r.Kwargs = map[string]json.RawMessage{name: json.RawMessage(value)}
	return r
}

func TestRender(t *testing.T) {
	history := Request{AddGenerationPrompt: true, Messages: []Message{
		{Role: "user", Content: "Hi"}, {Role: "assistant", Content: "Yes?", Reasoning: "Greet."}, {Role: "user", Content: "Go"},
	}}
	for _, c := range []struct {
		rule, template string
		request        Request
		want           string
	}{
		{
			"earlier reasoning goes where the template puts it", "think", history,
			"<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think>\nGreet.\n</think>\n\nYes?<|im_end|>\n<|im_start|>user\nGo<|im_end|>\n<|im_start|>assistant\n",
		},
		{
			"a template that drops reasoning drops it", "forced", history,
			"<|user|>Hi<|assistant|>Yes?<|end|><|user|>Go<|assistant|><think>\n",
		},
		{
			"enable_thinking false reaches the template", "think", ask("Hi").with("enable_thinking", "false"),
			"<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
		},
		{
			"without a generation prompt the model's turn isn't opened", "think",
			Request{Messages: ask("Hi").Messages},
			"<|im_start|>user\nHi<|im_end|>\n",
		},
		{
			"developer is system", "think",
			Request{Messages: []Message{{Role: "developer", Content: "Be brief."}}},
			"<|im_start|>system\nBe brief.<|im_end|>\n",
		},
		{
			"a system message joins the first turn where the template has none", "strict",
			Request{Messages: []Message{{Role: "system", Content: "Be brief."}, {Role: "user", Content: "Hi"}}},
			"<turn>user\nBe brief.\nHi</turn>\n",
		},
		{"a NUL is text", "think", Request{Messages: ask("a\x00b").Messages}, "<|im_start|>user\na\x00b<|im_end|>\n"},
		{"a call and its answer are told", "tools", Request{Messages: []Message{
			{Role: "assistant", ToolCalls: []ToolCall{{ID: "1", Name: "now"}}}, {Role: "tool", Content: "noon", ToolCallID: "1"},
		}}, "<|im_start|>assistant\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call><|im_end|>\n" +
			"<|im_start|>user\n<tool_response>\nnoon\n</tool_response><|im_end|>\n"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := render(t, load(t, c.template), c.request).Prompt; got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestChatMLStandsIn(t *testing.T) {
	got := render(t, parse(t, "chatml"), ask("Hi")).Prompt
	if want := "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTemplatesTellAboutThemselves(t *testing.T) {
	think, strict := load(t, "think"), load(t, "strict")
	if !think.SupportsThinking() || strict.SupportsThinking() {
		t.Errorf("thinking: %v and %v, want true and false", think.SupportsThinking(), strict.SupportsThinking())
	}
	if !think.Explicit() || !strings.Contains(think.Source(), "message.reasoning_content") {
		t.Errorf("explicit %v, source %q", think.Explicit(), think.Source())
	}
}

func TestRenderingSideBySideIsSafe(t *testing.T) {
	tmpls := load(t, "think")
	want := render(t, tmpls, ask("Hi")).Prompt
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				r, err := tmpls.Render(ask("Hi"))
				if err != nil || r.Prompt != want {
					t.Errorf("got %v, %v", r, err)
					return
				}
				if a, err := r.Parse("<think>a</think>b", false); err != nil || a.Content != "b" {
					t.Errorf("got %+v, %v", a, err)
				}
			}
		})
	}
	all.Wait()
}

func TestWhatWasRenderedOutlivesTheTemplates(t *testing.T) {
	tmpls := load(t, "think")
	r := render(t, tmpls, ask("Hi"))
	tmpls.Close()
	tmpls.Close()
	if a, err := r.Parse("<think>a</think>b", false); err != nil || a.Reasoning != "a" {
		t.Errorf("got %+v, %v", a, err)
	}
	if _, err := tmpls.Render(ask("Hi")); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}
