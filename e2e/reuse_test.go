package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/openai/openai-go/v3/option"
)

// chronicle is a prompt long enough for a sliding window to move on.
var chronicle = strings.Repeat("In the spring the river rose, and the people of the valley carried what they had up the hill. ", 30) +
	"When the water had gone, the first thing they did was"

// chronicleTokens is the length of its continuations.
const chronicleTokens = 24

func TestSmolLM2SaysTheSameFromWhateverTierItsPromptComes(t *testing.T) { wantReuse(t, "smollm2") }
func TestGemma3SaysTheSameFromWhateverTierItsPromptComes(t *testing.T)  { wantReuse(t, "gemma3") }

// wantReuse continues a prompt alone, in a full batch, and from each place where
// its state may lie. What parts from the first text must be within the noise.
func wantReuse(t *testing.T, model string) {
	dir := t.TempDir()
	s := own(t, model, nil, "--ctx", "2048", "--data", dir)
	want, err := s.greedy(t.Context(), chronicle, chronicleTokens)
	if err != nil {
		t.Fatal(err)
	}
	wantSimilar(t, "in a full batch", inAFullBatch(t, s), want, false)
	first := continued(t, s)
	wantSimilar(t, "computed for the cache", first, want, false)
	wantSimilar(t, "from an idle sequence", continued(t, s), want, true)
	elsewhere(t, s)
	wantSimilar(t, "from RAM", continued(t, s), want, true)
	wantSimilar(t, "from a running sequence", whileRunning(t, s), want, true)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s = own(t, model, nil, "--ctx", "2048", "--data", dir)
	wantSimilar(t, "from disk after a restart", continued(t, s), want, true)
}

func continued(t *testing.T, s *server) generation {
	t.Helper()
	g, err := s.reusing(t.Context(), chronicle, chronicleTokens)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// elsewhere takes the cells of what is idle.
func elsewhere(t *testing.T, s *server) {
	t.Helper()
	if _, err := s.reusing(t.Context(), "Quite another thing:", 4); err != nil {
		t.Fatal(err)
	}
}

func inAFullBatch(t *testing.T, s *server) (g generation) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			if _, err := s.greedy(t.Context(), fmt.Sprintf("Story number %d begins", i), 60); err != nil {
				t.Error(err)
			}
		})
	}
	g, err := s.greedy(t.Context(), chronicle, chronicleTokens)
	if err != nil {
		t.Error(err)
	}
	wg.Wait()
	return g
}

// whileRunning continues the prompt beside a stream that does the same at length.
func whileRunning(t *testing.T, s *server) generation {
	t.Helper()
	elsewhere(t, s)
	client := s.client()
	stream := client.Completions.NewStreaming(t.Context(), likeliest(s, chronicle, 400), option.WithJSONSet("ignore_eos", true))
	defer stream.Close()
	if !stream.Next() {
		t.Fatal(stream.Err())
	}
	return continued(t, s)
}

// wantSimilar checks that a text parts from another only where noise explains it.
func wantSimilar(t *testing.T, road string, got, want generation, cached bool) {
	t.Helper()
	if cached != (got.cached > 0) {
		t.Errorf("%s: %d tokens were cached", road, got.cached)
	}
	at := firstDifference(got.texts(), want.texts())
	if at < 0 {
		return
	}
	p := apart(got.units(), want.units(), at)
	t.Logf("%s: %v", road, p)
	if !p.withinNoise() {
		t.Errorf("%s: more than noise", road)
	}
}

// apart tells of the place where two lists part; an end has no scores, so the
// other's are looked at.
func apart(ours, theirs []unit, at int) parting {
	if at >= len(ours) || len(ours[at].steps) == 0 {
		ours, theirs = theirs, ours
	}
	other := ""
	if at < len(theirs) {
		other = theirs[at].text
	}
	return parting{at: at, ours: ours[at].text, theirs: other, gap: ours[at].gap(other)}
}

// wantSameGreedy: both servers answer a prompt alike.
func wantSameGreedy(t *testing.T, prompt string, got, want *server) {
	t.Helper()
	theirs, err := want.greedy(t.Context(), prompt, 48)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := got.greedy(t.Context(), prompt, 48)
	if err != nil {
		t.Fatal(err)
	}
	wantSimilar(t, prompt, ours, theirs, false)
}

// TestDraftsChangeNothingButTheSpeed compares with a server whose steps have one
// row, which leaves no room for drafts.
func TestDraftsChangeNothingButTheSpeed(t *testing.T) {
	for _, model := range []string{"smollm2", "gemma3"} {
		t.Run(model, func(t *testing.T) {
			with := shared(t, model)
			without := own(t, model, []string{"MOLTBOT_MODEL_BATCH=1", "MOLTBOT_MODEL_PARALLEL=1"}, "--ctx", "512")
			for _, prompt := range []string{
				"one two three four one two three four one two three",
				"The list: apples, pears, plums. Once more, the list: apples, pears, plums. Once more, the list:",
				"def add(a, b):\n    return a + b\n\ndef sub(a, b):\n    return a - b\n\ndef mul(a, b):\n",
			} {
				wantSameGreedy(t, prompt, with, without)
			}
		})
	}
}

// TestAKeyLearnsNothingOfAnothersPrompt sends the same canary with two keys: the
// second finds nothing computed, and neither is ever told the other's words.
func TestAKeyLearnsNothingOfAnothersPrompt(t *testing.T) {
	dir := t.TempDir()
	keys := filepath.Join(dir, "keys")
	if err := os.WriteFile(keys, []byte("sk-owner\nsk-other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := own(t, "smollm2", nil, "--ctx", "1024", "--data", dir, "--api-key-file", keys)
	canary := strings.Repeat("The canary is called Zyxwvut. ", 8)
	cached := func(key string) int64 {
		g, err := s.reusing(t.Context(), canary, 4, option.WithAPIKey(key))
		if err != nil {
			t.Fatal(err)
		}
		return g.cached
	}
	for _, c := range []struct {
		rule, key string
		reuses    bool
	}{
		{"nobody has computed it", "sk-owner", false},
		{"another has", "sk-other", false},
		{"it has itself", "sk-other", true},
		{"and so has the owner", "sk-owner", true},
	} {
		if n := cached(c.key); c.reuses != (n > 0) {
			t.Errorf("%s: %s found %d tokens", c.rule, c.key, n)
		}
	}
}
