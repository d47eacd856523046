package run

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/moltbot/moltbot/bench/load"
	"github.com/moltbot/moltbot/bench/workload"
)

// serveEnv makes the test's own binary a server to spawn: it holds the port.
const serveEnv = "BENCH_RUN_TEST_PORT"

func TestMain(m *testing.M) {
	if port := os.Getenv(serveEnv); port != "" {
		fmt.Println("listening on", port)
		fmt.Fprintln(os.Stderr, http.ListenAndServe("127.0.0.1:"+port, tiny("spawned")))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// tiny is a server with one model that answers at once.
func tiny(model string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"data":[{"id":%q},{"id":"other"}]}`, model)
	})
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n")
	})
	return mux
}

// quiet hears nothing but the turns.
type quiet struct {
	mu    sync.Mutex
	turns []string
}

func (q *quiet) Turn(_ Case, target string, _ int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.turns = append(q.turns, target)
}
func (*quiet) Record(load.Record) {}

// short is a workload of two requests after a warm-up.
func short() Case {
	w := workload.Lookup("single")[0]
	return Case{w, w.With(workload.Options{Requests: 2, Prompt: 8})}
}

func config(targets ...Target) (Config, *quiet) {
	q := &quiet{}
	return Config{Targets: targets, Cases: []Case{short()}, Rounds: 1, Timeout: time.Minute, Patience: time.Minute, Watch: q}, q
}

func at(t *testing.T, name string, h http.Handler) Target {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return Target{Target: load.Target{Name: name, URL: s.URL}}
}

func TestTargetsTakeTurnsInAnOrderThatReverses(t *testing.T) {
	cfg, heard := config(at(t, "A", tiny("a")), at(t, "B", tiny("b")))
	cfg.Rounds = 3
	got, err := All(t.Context(), cfg)
	if err != nil || !slices.Equal(heard.turns, strings.Split("A B B A A B", " ")) {
		t.Errorf("turns were %v, %v", heard.turns, err)
	}
	if got.Targets[0].Model != "a" || got.Targets[1].Model != "b" || len(got.Turns) != 6 {
		t.Errorf("got %+v", got.Targets)
	}
	for _, turn := range got.Turns {
		if len(turn.Phases) != 2 || turn.Phases[0].Counted || len(turn.Phases[1].Records) != 2 {
			t.Errorf("got %+v, want a warm-up and two requests", turn)
		}
	}
}

func TestPairedTurnsAskTheSameAndRoundsDoNot(t *testing.T) {
	var mu sync.Mutex
	asked := map[string][]string{}
	spy := func(name string) http.Handler {
		next := tiny(name)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body := make([]byte, max(r.ContentLength, 0))
			n, _ := r.Body.Read(body)
			mu.Lock()
			asked[name] = append(asked[name], string(body[:n]))
			mu.Unlock()
			next.ServeHTTP(w, r)
		})
	}
	cfg, _ := config(at(t, "A", spy("A")), at(t, "B", spy("B")))
	cfg.Rounds, cfg.Targets[0].Model, cfg.Targets[1].Model = 2, "m", "m"
	if _, err := All(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(asked["A"], asked["B"]) {
		t.Errorf("A was asked %q, B %q", asked["A"], asked["B"])
	}
	posts := slices.DeleteFunc(asked["A"], func(s string) bool { return s == "" })
	if slices.Sort(posts); len(slices.Compact(slices.Clone(posts))) != 6 {
		t.Errorf("of 6 requests in two rounds some are the same: %q", posts)
	}
}

func TestATargetThatCannotBeReachedIsNamed(t *testing.T) {
	cfg, _ := config(Target{Target: load.Target{Name: "gone", URL: "http://127.0.0.1:1"}})
	_, err := All(t.Context(), cfg)
	if err == nil || !strings.HasPrefix(err.Error(), "can't reach gone: GET http://127.0.0.1:1/v1/models: ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}

func TestATargetWithoutModelsIsNamed(t *testing.T) {
	cfg, _ := config(at(t, "empty", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":[]}`) })))
	if _, err := All(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "lists no model") {
		t.Errorf("got %v", err)
	}
}

func TestTheRateIsTwiceTheFastestCapacity(t *testing.T) {
	w := workload.Lookup("overload")[0]
	var phases []workload.Options
	w.Phases = func(o workload.Options) []load.Phase { phases = append(phases, o); return nil }
	cfg, _ := config(at(t, "A", tiny("a")), at(t, "B", tiny("b")))
	cfg.Cases = []Case{{w, w.With(workload.Options{Requests: 4, Prompt: 8})}}
	got, err := All(t.Context(), cfg)
	if err != nil || len(phases) != 2 || phases[0].Rate <= 0 || phases[0].Rate != phases[1].Rate || got.Cases[0].Options.Rate != phases[0].Rate {
		t.Errorf("the targets were played with %+v, %v", phases, err)
	}
}

func TestAnInterruptionKeepsWhatWasMeasured(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b := at(t, "B", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			cancel()
		}
		tiny("b").ServeHTTP(w, r)
	}))
	cfg, _ := config(at(t, "A", tiny("a")), b)
	got, err := All(ctx, cfg)
	if !errors.Is(err, context.Canceled) || len(got.Turns) != 1 || got.Turns[0].Target != "A" {
		t.Errorf("%d turns, %v", len(got.Turns), err)
	}
}

// spawn is a target that is this test's own binary.
func spawn(t *testing.T, name string) Target {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Target{Target: load.Target{Name: name}, Command: fmt.Sprintf("env %s={port} '%s'", serveEnv, exe)}
}

func TestSpawnedTargetsLiveForTheirTurnsAlone(t *testing.T) {
	cfg, _ := config(spawn(t, "A"), spawn(t, "B"))
	cfg.LogDir = t.TempDir()
	got, err := All(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for i, turn := range got.Turns {
		if len(turn.Phases[1].Records) != 2 || turn.PeakRSS < 1<<20 {
			t.Errorf("turn %d: %+v", i, turn)
		}
		if c, err := net.DialTimeout("tcp", strings.TrimPrefix(got.Targets[i].URL, "http://"), time.Second); err == nil {
			c.Close()
			t.Errorf("%s still listens after its turn", turn.Target)
		}
	}
	if log, err := os.ReadFile(cfg.LogDir + "/A.log"); err != nil || !strings.Contains(string(log), "listening on") {
		t.Errorf("its output is %q, %v", log, err)
	}
}

func TestATargetThatDiesBeforeItIsReadyIsAnError(t *testing.T) {
	cfg, _ := config(Target{Target: load.Target{Name: "A"}, Command: "false {port}"})
	if _, err := All(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "A ended before it was ready: exit status 1") {
		t.Errorf("got %v", err)
	}
}

func TestATargetThatIsNeverReadyIsEnded(t *testing.T) {
	cfg, _ := config(Target{Target: load.Target{Name: "A"}, Command: "sleep 1000 # {port}"})
	cfg.Patience = 200 * time.Millisecond
	if _, err := All(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "A is not ready: ") {
		t.Errorf("got %v", err)
	}
}

func TestGPUsAreReadWhereThereAreAny(t *testing.T) {
	cfg, _ := config(at(t, "A", tiny("a")))
	joules := 100.0
	cfg.GPU = func() (GPU, bool) { joules += 50; return GPU{Used: 5 << 30, Joules: joules}, true }
	got, err := All(t.Context(), cfg)
	if u := got.Turns[0].Usage; err != nil || u.GPUMemory != 5<<30 || u.GPUEnergy < 50 {
		t.Errorf("got %+v, %v", u, err)
	}
}
