package chat

import (
	"testing"

	"github.com/moltbot/moltbot/cgo/llama"
	"github.com/moltbot/moltbot/internal/testmodel"
)

// of makes templates for a real model: its own, or src.
func of(t *testing.T, name, src string) *Templates {
	t.Helper()
	m, err := llama.LoadModel(testmodel.Path(t, name), llama.ModelParams{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	tmpls, err := New(m.Pointer(), src)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tmpls.Close)
	return tmpls
}

func TestSmolLM2GetsItsSystemPrompt(t *testing.T) {
	tmpls := of(t, "smollm2", "")
	for _, c := range []struct {
		rule     string
		messages []Message
		want     string
	}{
		{
			"its own when the client sends none",
			[]Message{{Role: "user", Content: "Hi"}},
			"<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n" +
				"<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
		},
		{"the client's when there is one", []Message{
			{Role: "system", Content: "Be brief."}, {Role: "user", Content: "Hi"}, {Role: "assistant", Content: "Yes?"}, {Role: "user", Content: "Go"},
		}, "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n" +
			"<|im_start|>assistant\nYes?<|im_end|>\n<|im_start|>user\nGo<|im_end|>\n<|im_start|>assistant\n"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r := render(t, tmpls, Request{Messages: c.messages, AddGenerationPrompt: true})
			if r.Prompt != c.want {
				t.Errorf("got  %q\nwant %q", r.Prompt, c.want)
			}
			if r.GenerationPrompt != "<|im_start|>assistant\n" || r.SupportsThinking {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestABaseModelGetsChatML(t *testing.T) {
	tmpls := of(t, "gemma3", "")
	if tmpls.Explicit() {
		t.Error("a base model has no template of its own")
	}
	got := render(t, tmpls, ask("Hi")).Prompt
	if want := "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheTokenizersBOSIsNotTwice(t *testing.T) {
	tmpls := of(t, "gemma3", "{{ bos_token }}"+plain)
	if got := render(t, tmpls, ask("Hi")).Prompt; got != "Hi" {
		t.Errorf("got %q", got)
	}
}
