//go:build cgo

package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/internal/config"
	"github.com/moltbot/moltbot/internal/testmodel"
)

// drafting is SmolLM2 with a draft model.
func drafting(t *testing.T, draft string) config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.DataDir = config.Path(t.TempDir())
	m := &cfg.Model
	m.PathOrName, m.Draft = config.Path(testmodel.Path(t, "smollm2")), config.Path(draft)
	m.Ctx, m.Parallel, m.Batch, m.Threads = 512, 2, 64, 1
	return cfg
}

// greedy opens the model as a server does and continues a text.
func greedy(t *testing.T, cfg config.Config, text string) string {
	t.Helper()
	p, err := prepare(t.Context(), cfg, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	m, err := openLocal(t.Context(), p, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(context.Background())
	prompt, err := m.Vocab().Tokenize(text, true, true)
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.(local).Engine().Submit(t.Context(), engine.Request{Prompt: prompt, MaxTokens: 40})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var out strings.Builder
	for {
		c, err := s.Recv(t.Context())
		if errors.Is(err, io.EOF) {
			return out.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString(c.Text)
	}
}

func TestAModelIsOpenedWithItsDraftModel(t *testing.T) {
	const text = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12," // no token is in doubt: another batch moves the scores a little
	without := drafting(t, "")
	without.Model.Drafts = false
	want := greedy(t, without, text)
	if got := greedy(t, drafting(t, testmodel.Path(t, "smollm2")), text); got != want || want == "" {
		t.Errorf("with a draft model %q, without %q", got, want)
	}
}

func TestADraftModelThatDoesNotSuitIsRefusedInOneLine(t *testing.T) {
	for _, c := range []struct{ rule, draft, want string }{
		{"another vocabulary", testmodel.Path(t, "gemma3"), "model.draft: its vocabulary is of another kind than the model's; name a smaller model of the same family, or take it out"},
		{"no file", "./nowhere.gguf", "no such file or directory; name one with model.draft"},
		{"no name that is known", "zzz", "; name one with model.draft"},
		{"a file that is cut off", put(t, "cut.gguf", "GGUF\x03\x00\x00\x00", 0o600), "; get the file again, or name another with model.draft"},
		{"a model that writes no text", testmodel.Path(t, "minilm"), "; get the file again, or name another with model.draft"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			p := process{open: openLocal, env: []string{"MOLTBOT_MODEL_DRAFT=" + c.draft, "MOLTBOT_MODEL_BATCH=64", "MOLTBOT_MODEL_PARALLEL=2"}}
			got := command(t, p, "probe", "--model", testmodel.Path(t, "smollm2"), "--ctx", "512", "--threads", "1")
			if got.code != 1 || !strings.HasSuffix(got.err, c.want+"\n") || strings.Count(got.err, "\n") != 1 {
				t.Errorf("got %+v, want %q", got, c.want)
			}
		})
	}
}
