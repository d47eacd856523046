//go:build cgo

package llama

import (
	"errors"
	"strings"
	"testing"

	cchat "github.com/moltbot/moltbot/cgo/chat"
	"github.com/moltbot/moltbot/engine/chat"
)

const chatml = `{%- for m in messages %}{{- '<|im_start|>' + m.role + '\n' }}
{%- if m.reasoning_content is defined %}{{- '<think>' + m.reasoning_content + '</think>' }}{%- endif %}
{{- m.content + '<|im_end|>\n' }}{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}`

func template(t *testing.T, src string) *Template {
	t.Helper()
	tmpl, err := NewTemplate(nil, src)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tmpl.Close)
	return tmpl
}

func render(t *testing.T, tmpl *Template, messages ...chat.Message) chat.Prompt {
	t.Helper()
	p, err := tmpl.Render(chat.Conversation{Messages: messages})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestReasoningNeverShowsInContent(t *testing.T) {
	p := render(t, template(t, chatml), chat.Message{Role: "user", Content: "Hi"}).Parser()
	var content, reasoning strings.Builder
	add := func(d chat.Delta, err error) {
		if err != nil {
			t.Fatal(err)
		}
		content.WriteString(d.Content)
		reasoning.WriteString(d.Reasoning)
	}
	for _, b := range "<think>Say hello.</think>Hello, you.\n" {
		add(p.Push(string(b)))
	}
	add(p.Close())
	if content.String() != "Hello, you.\n" || reasoning.String() != "Say hello." {
		t.Errorf("content %q, reasoning %q", content.String(), reasoning.String())
	}
}

func TestAModelThatDoesNotThinkIsNotParsed(t *testing.T) {
	p := render(t, template(t, "chatml"), chat.Message{Role: "user", Content: "Hi"}).Parser()
	if _, plain := p.(chat.Plain); !plain {
		t.Errorf("the parser is a %T", p)
	}
}

func TestEarlierTurnsReachThePrompt(t *testing.T) {
	p := render(t, template(t, chatml),
		chat.Message{Role: "developer", Content: "Be brief."},
		chat.Message{Role: "assistant", Content: "Yes.", Reasoning: "Agree."},
		chat.Message{Role: "user", Content: "Now?"},
	)
	want := "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>assistant\n<think>Agree.</think>Yes.<|im_end|>\n" +
		"<|im_start|>user\nNow?<|im_end|>\n<|im_start|>assistant\n"
	if p.Text != want {
		t.Errorf("got  %q\nwant %q", p.Text, want)
	}
}

func TestTheTemplatesObjectionComesBack(t *testing.T) {
	tmpl := template(t, `{%- for m in messages %}{%- if m.content == 'no' %}{{- raise_exception('I will not.') }}{%- endif %}{{- m.content }}{%- endfor %}`)
	_, err := tmpl.Render(chat.Conversation{Messages: []chat.Message{{Role: "user", Content: "no"}}})
	var refused *cchat.TemplateError
	if !errors.As(err, &refused) || refused.Message != "I will not." {
		t.Errorf("got %v", err)
	}
}
