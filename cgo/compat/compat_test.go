//go:build cgo

// Package compat holds programs written for github.com/go-skynet/go-llama.cpp.
// They import it by its own name; go.mod replaces it by the one in
// cgo/go-llama.cpp, and the real model runs them.
package compat

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	llama "github.com/go-skynet/go-llama.cpp"

	"github.com/moltbot/moltbot/internal/testmodel"
)

const (
	prompt = "<|im_start|>user\nCount from one to ten.<|im_end|>\n<|im_start|>assistant\n"
	start  = "Once upon a time"
)

// TestMain reads the stamp of the libraries, so that no result is taken for
// that of other libraries.
func TestMain(m *testing.M) {
	if _, err := os.ReadFile("../../build/native/stamp"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func load(t *testing.T, opts ...llama.ModelOption) *llama.LLama {
	t.Helper()
	l, err := llama.New(testmodel.Path(t, "smollm2"), append([]llama.ModelOption{llama.EnableF16Memory, llama.SetContext(256)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Free)
	return l
}

// predict has one thread, so that busy neighbours cannot stall it, and takes the likeliest tokens, unless told otherwise.
func predict(t *testing.T, l *llama.LLama, text string, opts ...llama.PredictOption) string {
	t.Helper()
	out, err := l.Predict(text, greedy(opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func greedy(opts ...llama.PredictOption) []llama.PredictOption {
	return append([]llama.PredictOption{llama.SetThreads(1), llama.SetTemperature(0), llama.SetPenalty(1), llama.SetTokens(24)}, opts...)
}

func TestPredictIsRepeatable(t *testing.T) {
	l := load(t)
	first := predict(t, l, start)
	if first == "" || predict(t, l, start) != first {
		t.Errorf("got %q, then another text", first)
	}
	warm := func(seed int) string {
		return predict(t, l, start, llama.SetTemperature(1), llama.SetSeed(seed))
	}
	if a, b := warm(1), warm(1); a != b {
		t.Errorf("one seed gave %q and %q", a, b)
	}
	if a, b := warm(1), warm(2); a == b {
		t.Errorf("two seeds gave %q", a)
	}
}

func TestAStopWordEndsTheTextBeforeIt(t *testing.T) {
	l := load(t)
	whole := predict(t, l, start)
	word := strings.Fields(whole)[5]
	before, _, _ := strings.Cut(whole, word)
	if got := predict(t, l, start, llama.SetStopWords("nowhere in it", word)); got != before {
		t.Errorf("got %q, want %q", got, before)
	}
}

func TestTheCallbackHearsEveryToken(t *testing.T) {
	l := load(t)
	var heard strings.Builder
	hear := func(token string) bool {
		heard.WriteString(token)
		return true
	}
	out := predict(t, l, start, llama.SetTokenCallback(hear))
	if strings.TrimPrefix(heard.String(), "\n") != out {
		t.Errorf("heard %q of %q", heard.String(), out)
	}
	heard.Reset()
	l.SetTokenCallback(hear)
	predict(t, l, start)
	l.SetTokenCallback(nil)
	predict(t, l, start)
	if strings.TrimPrefix(heard.String(), "\n") != out {
		t.Errorf("heard %q of %q", heard.String(), out)
	}
}

func TestTheCallbackEndsThePrediction(t *testing.T) {
	l := load(t)
	whole, n := predict(t, l, start), 0
	got := predict(t, l, start, llama.SetTokenCallback(func(string) bool { n++; return n <= 3 }))
	if n != 4 || got == "" || got == whole || !strings.HasPrefix(whole, got) {
		t.Errorf("%d tokens heard, text %q of %q", n, got, whole)
	}
}

func TestTheModelsEndTokenEndsTheText(t *testing.T) {
	l := load(t)
	const most = 200 // what the context has room for
	tokens := 0
	short := predict(t, l, prompt, llama.SetTokens(0), llama.SetTokenCallback(func(string) bool { tokens++; return tokens < most }))
	if short == "" || tokens == most {
		t.Fatalf("%d tokens: the model ended nothing: %q", tokens, short)
	}
	long := predict(t, l, prompt, llama.SetTokens(tokens+10), llama.IgnoreEOS)
	if !strings.HasPrefix(long, short) || len(long) == len(short) || strings.Contains(long, "<|im_end|>") {
		t.Errorf("short %q, long %q", short, long)
	}
}

func TestALongAnswerOutlivesTheContext(t *testing.T) {
	l := load(t, llama.SetContext(64))
	count := 0
	predict(t, l, start, llama.SetTokens(150), llama.IgnoreEOS, llama.SetNKeep(4),
		llama.SetTokenCallback(func(string) bool { count++; return true }))
	if count != 150 {
		t.Errorf("%d tokens", count)
	}
}

func TestAPromptThatDoesNotFitIsRefused(t *testing.T) {
	l := load(t, llama.SetContext(64))
	if _, err := l.Predict(strings.Repeat("word ", 1000), greedy()...); !errors.Is(err, llama.ErrContext) {
		t.Errorf("got %v", err)
	}
}

func TestPenaltiesSpareTheLineBreak(t *testing.T) {
	l := load(t)
	list := "Write a line, then a line break, ten times.\n1\n2\n3\n4\n5\n"
	plain := predict(t, l, list)
	if !strings.Contains(plain, "\n") {
		t.Fatalf("the text has no line break: %q", plain)
	}
	heavy := []llama.PredictOption{llama.SetPresencePenalty(50), llama.SetTokens(8)}
	spared := predict(t, l, list, heavy...)
	struck := predict(t, l, list, append(heavy, llama.SetPenalizeNL(true))...)
	if strings.Count(spared, "\n") <= strings.Count(struck, "\n") {
		t.Errorf("spared %q, struck %q", spared, struck)
	}
}

func TestSpeculationDoesNotChangeTheText(t *testing.T) {
	l, draft := load(t), load(t)
	want := predict(t, l, prompt, llama.SetTokens(40))
	for _, n := range []int{0, 1, 8} {
		got, err := l.SpeculativeSampling(draft, prompt, greedy(llama.SetTokens(40), llama.SetNDraft(n))...)
		if err != nil || got != want {
			t.Errorf("%d guesses: got %q, %v; want %q", n, got, err, want)
		}
	}
	if _, err := l.SpeculativeSampling(l, prompt); err == nil {
		t.Error("a model drafts for itself")
	}
}

func TestAStateGoesOnWhereItWas(t *testing.T) {
	l, other := load(t), load(t)
	file := filepath.Join(t.TempDir(), "state")
	if err := l.Eval(start, llama.SetThreads(1)); err != nil {
		t.Fatal(err)
	}
	if err := l.SaveState(file); err != nil {
		t.Fatal(err)
	}
	want := predict(t, l, start)
	if err := other.LoadState(file); err != nil {
		t.Fatal(err)
	}
	if got := predict(t, other, ""); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestADamagedStateIsRefused(t *testing.T) {
	l := load(t)
	file := filepath.Join(t.TempDir(), "state")
	if err := l.Eval(start); err != nil {
		t.Fatal(err)
	}
	if err := l.SaveState(file); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for rule, data := range map[string][]byte{"cut off": whole[:len(whole)/2], "one bit flipped": flipped, "empty": nil} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := l.LoadState(file); !errors.Is(err, llama.ErrState) {
			t.Errorf("%s: got %v", rule, err)
		}
	}
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := load(t, llama.SetContext(32), func(p *llama.ModelOptions) { p.F16Memory = false }).LoadState(file); !errors.Is(err, llama.ErrState) {
		t.Errorf("of other KV cells: got %v", err)
	}
}

func TestAPromptCacheDoesNotChangeTheText(t *testing.T) {
	l := load(t)
	want := predict(t, l, start)
	cache := llama.SetPathPromptCache(filepath.Join(t.TempDir(), "cache"))
	for _, rule := range []string{"written", "read"} {
		if got := predict(t, l, start, cache); got != want {
			t.Errorf("%s: got %q, want %q", rule, got, want)
		}
	}
	predict(t, l, start, cache, llama.EnablePromptCacheAll, llama.SetTokens(8))
	if got := predict(t, l, "", cache, llama.EnablePromptCacheRO, llama.SetTokens(16)); got == "" || !strings.Contains(want, got) {
		t.Errorf("it goes on %q in %q", got, want)
	}
}

func TestEmbeddings(t *testing.T) {
	l := load(t, llama.EnableEmbeddings)
	text, err := l.Embeddings("A cat sat.")
	if err != nil || len(text) != 576 {
		t.Fatalf("%d numbers, %v", len(text), err)
	}
	_, tokens, err := l.TokenizeString("A cat sat.")
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]int, len(tokens))
	for i, id := range tokens {
		ids[i] = int(id)
	}
	same, err := l.TokenEmbeddings(ids)
	if err != nil || !slices.Equal(text, same) {
		t.Errorf("as tokens it differs: %v", err)
	}
	norm := 0.0
	for _, x := range text {
		norm += float64(x) * float64(x)
	}
	if math.IsNaN(norm) || norm == 0 {
		t.Errorf("length %v", norm)
	}
	if _, err := l.TokenEmbeddings([]int{1 << 30}); err == nil {
		t.Error("a token out of the vocabulary is no error")
	}
	if _, err := load(t).Embeddings("A cat sat."); !errors.Is(err, llama.ErrNoEmbeddings) {
		t.Errorf("got %v", err)
	}
}

func TestTokenizeStringCountsItsTokens(t *testing.T) {
	n, tokens, err := load(t).TokenizeString(strings.Repeat("A strange game. ", 100))
	if err != nil || int(n) != len(tokens) || n < 200 {
		t.Errorf("%d, %d tokens, %v", n, len(tokens), err)
	}
}

func TestAnUnreadableModelIsAnError(t *testing.T) {
	if l, err := llama.New("not-there.gguf"); err == nil || l != nil {
		t.Errorf("got %v, %v", l, err)
	}
}

func TestAFreedModelAnswersErrors(t *testing.T) {
	l := load(t)
	l.Free()
	l.Free()
	if _, err := l.Predict(start); !errors.Is(err, llama.ErrFreed) {
		t.Errorf("Predict: %v", err)
	}
	if err := l.SaveState(filepath.Join(t.TempDir(), "state")); !errors.Is(err, llama.ErrFreed) {
		t.Errorf("SaveState: %v", err)
	}
}
