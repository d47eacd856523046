//go:build cgo

package llama

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"slices"
	"testing"

	cllama "github.com/moltbot/moltbot/cgo/llama"
	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/internal/testmodel"
	"github.com/moltbot/moltbot/models"
)

// watched is a backend that counts its rows and remembers their scores.
type watched struct {
	*backend
	rows   int
	scores [][]float32
}

// Decode implements engine.Backend.
func (w *watched) Decode(rows []engine.Row) error {
	w.rows += len(rows)
	return w.backend.Decode(rows)
}

// Logits implements engine.Backend.
func (w *watched) Logits(row int) []float32 {
	logits := w.backend.Logits(row)
	w.scores = append(w.scores, slices.Clone(logits))
	return logits
}

// server is an engine with a folder for prefixes. It is asked for one thing at a time.
type server struct {
	*engine.Engine
	model   models.Model
	watched *watched
}

func start(t *testing.T, k kind, folder string) server {
	t.Helper()
	m, err := cllama.LoadModel(testmodel.Path(t, k.model), cllama.ModelParams{})
	if err != nil {
		t.Fatal(err)
	}
	o := opened
	k.change(&o)
	b, err := newBackend(m, o)
	if err != nil {
		t.Fatal(err)
	}
	w, v := &watched{backend: b}, vocab{m.Vocab()}
	e, err := engine.New(w, v, engine.Config{
		NoDrafts: true, Limits: engine.Limits{Queue: 1}, Cache: engine.Cache{RAM: 1 << 30, Disk: 1 << 30, Folder: folder},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := server{e, models.NewLocal(models.Info{}, e, v, nil, nil), w}
	t.Cleanup(s.stop)
	return s
}

// stop lets the prefixes reach the disk. A second call does nothing.
func (s server) stop() { s.Close(context.Background()) }

// continuation is a greedy text with what it was chosen by.
type continuation struct {
	chosen []engine.TokenLogprob
	scores [][]float32 // of each step
	rows   int         // computed for it
}

// continued has a client continue a prompt.
func (s server) continued(t *testing.T, tokens []engine.Token) (c continuation) {
	t.Helper()
	s.watched.rows, s.watched.scores = 0, nil
	stream, err := s.Submit(t.Context(), engine.Request{
		Partition: "a client", Prompt: tokens, MaxTokens: 16, IgnoreEOS: true, Logprobs: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for {
		chunk, err := stream.Recv(t.Context())
		c.chosen = append(c.chosen, chunk.Logprobs...)
		if errors.Is(err, io.EOF) {
			c.rows, c.scores = s.watched.rows, s.watched.scores
			return c
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// drift is how far the log-probability of a token may be from itself in a text
// that goes on for some tokens: each adds its own noise to the cells that the next
// attend to. Seen was 0.30 (gemma), and it is what e2e takes two tokens to be
// equally likely within.
const drift = 0.5

// wantContinuation: behind the prefix are the logits that it has when it was
// computed, within the noise of one row, and the text goes on with the same tokens.
func wantContinuation(t *testing.T, got, want continuation) {
	t.Helper()
	if d := distance(got.scores[0], want.scores[0]); d > noise {
		t.Errorf("the first logits differ by %.4f", d)
	}
	most := 0.
	for i := range want.chosen {
		if got.chosen[i].Token != want.chosen[i].Token {
			t.Fatalf("token %d is %q, want %q", i, got.chosen[i].Bytes, want.chosen[i].Bytes)
		}
		most = max(most, math.Abs(got.chosen[i].Logprob-want.chosen[i].Logprob))
	}
	t.Logf("log-probabilities differ by %.4f at most", most)
	if most > drift {
		t.Errorf("log-probabilities differ by %.4f", most)
	}
}

// TestAPrewarmedPromptFromDiskEqualsTheComputedOne: a start finds what the one
// before has prewarmed, computes none of it and goes on with the same words.
func TestAPrewarmedPromptFromDiskEqualsTheComputedOne(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			folder := t.TempDir()
			first := start(t, k, folder)
			tokens := prompt(t, first.watched.backend, prefixed+question)
			wantPrewarmed(t, first, tokens, 0)
			first.stop()
			memory := start(t, k, "")
			wantPrewarmed(t, memory, tokens, 0)
			want := memory.continued(t, tokens)
			for _, c := range roads {
				t.Run(c.road, func(t *testing.T) { fromDisk(t, k, folder, tokens, c.again, want) })
			}
		})
	}
}

const (
	prefixed = 768 // tokens that are prewarmed, more than a sliding window of gemma holds
	question = 32  // tokens of a client behind them
)

// roads differ in what the new start does before the client comes.
var roads = []struct {
	road  string
	again bool // it prewarms the same, as its configuration says
}{{"at once", false}, {"prewarmed again", true}}

// fromDisk starts on a copy of the folder and continues the prompt.
func fromDisk(t *testing.T, k kind, folder string, tokens []engine.Token, again bool, want continuation) {
	t.Helper()
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	s := start(t, k, copied)
	reuse := engine.Reuse{Prompt: prefixed + question, Disk: prefixed}
	if again { // the last token is computed, for its scores
		wantPrewarmed(t, s, tokens, prefixed-1)
		reuse = engine.Reuse{Prompt: 2*prefixed + question, Disk: prefixed - 1, Shared: prefixed}
	}
	got := s.continued(t, tokens)
	wantContinuation(t, got, want)
	if computed := question + len(want.chosen) - 1; got.rows != computed {
		t.Errorf("%d rows were computed, want %d", got.rows, computed)
	}
	s.stop() // a stream ends before its step is counted
	found := s.Load().Reuse
	if found.Saved = 0; found != reuse {
		t.Errorf("reused %+v, want %+v", found, reuse)
	}
}

// wantPrewarmed: of the prefix so many tokens were there already, and the others are computed.
func wantPrewarmed(t *testing.T, s server, tokens []engine.Token, there int) {
	t.Helper()
	s.watched.rows = 0
	usage, err := models.Prewarm(t.Context(), s.model, tokens[:prefixed])
	if err != nil {
		t.Fatal(err)
	}
	if rows := s.watched.rows; usage.Cached != there || rows != prefixed-there {
		t.Fatalf("prewarming found %d tokens and computed %d, want %d found", usage.Cached, rows, there)
	}
}
