package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/enginetest"
	"github.com/moltbot/moltbot/internal/config"
	"github.com/moltbot/moltbot/internal/freeport"
	"github.com/moltbot/moltbot/internal/testmodel"
	"github.com/moltbot/moltbot/models"
)

// The tests start this test binary as a moltbot over a toy engine:
const (
	childEnv  = "MOLTBOT_TEST_CHILD"  // be a moltbot
	brokenEnv = "MOLTBOT_TEST_BROKEN" // the engine fails at its first step
	slowEnv   = "MOLTBOT_TEST_SLOW"   // take some time for each step
	holdEnv   = "MOLTBOT_TEST_HOLD"   // load until this file is there
	crashEnv  = "MOLTBOT_TEST_CRASH"  // crash while loading
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		os.Exit(m.Run())
	}
	p := process{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Environ(), open: openToy, exe: os.Args[0]}
	os.Exit(run(context.Background(), p, os.Args[1:]))
}

// toy is a served model without C.
type toy struct{ *models.Local }

func (t toy) Done() <-chan struct{} { return t.Engine().Done() }

func (t toy) Close(ctx context.Context) { t.Engine().Close(ctx) }

// loud reports a wrong move of the engine where the parent sees it.
type loud struct{}

func (loud) Errorf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

// openToy is an opener.
func openToy(ctx context.Context, p plan, log zerolog.Logger) (served, error) {
	for hold := os.Getenv(holdEnv); hold != ""; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(hold); err == nil || ctx.Err() != nil {
			break
		}
	}
	if os.Getenv(crashEnv) != "" {
		syscall.Kill(os.Getpid(), syscall.SIGABRT)
	}
	backend := enginetest.NewToy(loud{}, engine.Shape{Cells: p.KVCells, Seqs: p.Parallel, Rows: p.Batch})
	if os.Getenv(brokenEnv) != "" {
		backend.Before = func(int, []engine.Row) error { panic("broken") }
	}
	if os.Getenv(slowEnv) != "" {
		backend.Before = func(int, []engine.Row) error {
			time.Sleep(5 * time.Millisecond)
			return nil
		}
	}
	e, err := engine.New(backend, enginetest.Vocab{}, engine.Config{Context: p.Ctx, Limits: engine.Limits{Queue: p.Queue}, Log: log})
	if err != nil {
		return nil, err
	}
	return toy{models.NewLocal(p.info, e, enginetest.Vocab{}, enginetest.Template{}, new(enginetest.Rig).Grammars())}, nil
}

// child is a moltbot in a process of its own.
type child struct {
	*exec.Cmd
	base string // "http://127.0.0.1:1234"
	out  *bufio.Reader
	said bytes.Buffer // on stderr; to be read after exit
}

// start runs a moltbot on a free port with the default model's file, which the toy engine doesn't read.
func start(t *testing.T, env []string, line ...string) *child {
	t.Helper()
	address := freeport.Address()
	line = append([]string{"--listen", address, "--model", testmodel.Path(t, "smollm2"), "--data", t.TempDir()}, line...)
	c := &child{Cmd: exec.Command(os.Args[0], line...), base: "http://" + address}
	c.Env = append([]string{childEnv + "=1", "HOME=" + t.TempDir()}, env...)
	c.Stderr = io.MultiWriter(t.Output(), &c.said)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewReader(out)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
	return c
}

// announced reads what it prints until the curl line and returns that.
func (c *child) announced(t *testing.T) string {
	t.Helper()
	for {
		line, err := c.out.ReadString('\n')
		if err != nil {
			t.Fatalf("nothing was announced: %v", err)
		}
		if _, curl, ok := strings.Cut(line, "try "); ok {
			return strings.TrimSpace(curl)
		}
	}
}

// status is the status of a GET; 0 when nobody answers.
func (c *child) status(path string) int {
	resp, err := http.Get(c.base + path)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// await waits until a GET answers with that status.
func (c *child) await(t *testing.T, path string, status int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); c.status(path) != status; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s never answered %d", path, status)
		}
	}
}

// ask posts a completion of at most n tokens.
func (c *child) ask(t *testing.T, n int, stream bool) *http.Response {
	t.Helper()
	body := fmt.Sprintf(`{"model":"SmolLM2-135M-Instruct.Q4_1","prompt":"abc","max_tokens":%d,"ignore_eos":true,"stream":%t}`, n, stream)
	resp, err := http.Post(c.base+"/v1/completions", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func (c *child) tell(t *testing.T, s os.Signal) {
	t.Helper()
	if err := c.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// exit waits for its end and returns the exit code.
func (c *child) exit(t *testing.T) int {
	t.Helper()
	if _, err := io.Copy(io.Discard, c.out); err != nil {
		t.Fatal(err)
	}
	c.Wait() // the code tells
	return c.ProcessState.ExitCode()
}

func TestInterruptsCountAndLeaveNothingBehind(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	first, second, stop := interrupts(t.Context())
	defer stop()
	for _, ctx := range []context.Context{first, second} {
		if ctx.Err() != nil {
			t.Error("a context ended before its signal")
		}
		for ctx.Err() == nil {
			syscall.Kill(syscall.Getpid(), syscall.SIGTERM)
			time.Sleep(echo / 5) // the echoes of the first do not count
		}
	}
}

func TestServeAnswersUntilSIGTERM(t *testing.T) {
	c := start(t, nil)
	curl := c.announced(t)
	if !strings.HasPrefix(curl, "curl "+c.base+"/v1/chat/completions ") || !strings.Contains(curl, `"model":"SmolLM2-135M-Instruct.Q4_1"`) {
		t.Errorf("announced %s", curl)
	}
	out, err := exec.Command("sh", "-c", strings.Replace(curl, "curl ", "curl -sS ", 1)).Output()
	var answer struct{ Choices []any }
	if err != nil || json.Unmarshal(out, &answer) != nil || len(answer.Choices) != 1 {
		t.Errorf("the announced line answers %s, %v", out, err)
	}
	if c.status("/health") != 200 || c.status("/ready") != 200 {
		t.Error("it is not ready after it said so")
	}
	c.tell(t, syscall.SIGTERM)
	if code := c.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestServeEndsWithItsEngine(t *testing.T) {
	c := start(t, []string{brokenEnv + "=1"})
	c.announced(t)
	res := c.ask(t, 5, false)
	res.Body.Close()
	if res.StatusCode != 500 && res.StatusCode != 503 { // 503: the server is on its way out already
		t.Errorf("status %d", res.StatusCode)
	}
	if code := c.exit(t); code != 1 || !strings.Contains(c.said.String(), "the engine has ended") {
		t.Errorf("exit code %d", code)
	}
}

func TestServeIsHealthyButNotReadyWhileItLoads(t *testing.T) {
	hold := filepath.Join(t.TempDir(), "go")
	c := start(t, []string{holdEnv + "=" + hold})
	c.await(t, "/health", 200)
	if got := c.status("/ready"); got != 503 {
		t.Errorf("/ready answers %d", got)
	}
	if resp := c.ask(t, 1, false); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("a request is answered %s", resp.Status)
	}
	if err := os.WriteFile(hold, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.await(t, "/ready", 200)
}

func TestServeCanBeStoppedWhileItLoads(t *testing.T) {
	for _, s := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		c := start(t, []string{holdEnv + "=/nowhere"})
		c.await(t, "/health", 200)
		c.tell(t, s)
		if code := c.exit(t); code != 0 {
			t.Errorf("%v: exit code %d", s, code)
		}
	}
}

func TestServeDrainsRunningRequestsAndRefusesNewOnes(t *testing.T) {
	c := start(t, []string{slowEnv + "=1"})
	c.await(t, "/ready", 200)
	events := bufio.NewReader(c.ask(t, 600, true).Body) // three seconds: it must not end before the others are asked
	if _, err := events.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	c.tell(t, syscall.SIGTERM)
	c.await(t, "/ready", 503)
	if resp := c.ask(t, 1, false); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("a new request is answered %s", resp.Status)
	}
	rest, err := io.ReadAll(events)
	if err != nil || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
		t.Errorf("the running one ended with %q, %v", rest, err)
	}
	if code := c.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestWhatDoesNotEndInTimeIsCutOffWithAnError(t *testing.T) {
	for _, c := range []struct {
		rule    string
		env     []string
		signals int
	}{
		{"by the drain's limit", []string{"MOLTBOT_SERVER_DRAIN_TIMEOUT=50ms"}, 1},
		{"by a second signal", nil, 2},
	} {
		t.Run(c.rule, func(t *testing.T) {
			child := start(t, append(c.env, slowEnv+"=1"))
			child.await(t, "/ready", 200)
			events := bufio.NewReader(child.ask(t, 8000, true).Body)
			if _, err := events.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			child.tell(t, syscall.SIGTERM)
			if c.signals > 1 {
				child.await(t, "/ready", 503)
				time.Sleep(2 * echo)
				child.tell(t, syscall.SIGTERM)
			}
			rest, err := io.ReadAll(events)
			if err != nil || !strings.Contains(string(rest), `data: {"error":`) || strings.Contains(string(rest), "[DONE]") {
				t.Errorf("the running one ended with %q, %v", tail(string(rest)), err)
			}
			if code := child.exit(t); code != 1 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

func tail(s string) string { return s[max(0, len(s)-300):] }

func TestServeAsksForAKeyFromItsFile(t *testing.T) {
	c := start(t, nil, "--api-key-file", put(t, "keys", "sk-one\n", 0o600), "--alias", "it's")
	curl := c.announced(t)
	if !strings.Contains(curl, `-H "Authorization: Bearer $MOLTBOT_API_KEY"`) {
		t.Errorf("announced %s", curl)
	}
	if got := c.status("/v1/models"); got != 401 {
		t.Errorf("without a key it answers %d", got)
	}
	sh := exec.Command("sh", "-c", strings.Replace(curl, "curl ", "curl -sS ", 1))
	sh.Env = append(os.Environ(), "MOLTBOT_API_KEY=sk-one")
	if out, err := sh.Output(); err != nil || !strings.Contains(string(out), `"choices"`) {
		t.Errorf("the announced line answers %s, %v", out, err)
	}
}

func TestAModelThatCrashesIsFoundOutByAProbe(t *testing.T) {
	c := start(t, []string{crashEnv + "=1"})
	code := c.exit(t)
	said := c.said.String()
	if code != 1 || !strings.Contains(said, "moltbot: ") || !strings.Contains(said, models.ErrCrashed.Error()) || strings.Contains(said, "goroutine") {
		t.Errorf("exit code %d, %s", code, said)
	}
}

func TestAModelIsTriedOnce(t *testing.T) {
	s := &service{process: process{exe: "/nowhere/moltbot"}}
	s.cfg.DataDir = config.Path(t.TempDir())
	p := plan{path: "/srv/model.gguf"}
	if err := s.probe(t.Context(), p); err == nil {
		t.Error("a program that isn't there tried a model")
	}
	if err := remember(filepath.Join(string(s.cfg.DataDir), "probed", p.key())); err != nil {
		t.Fatal(err)
	}
	if err := s.probe(t.Context(), p); err != nil {
		t.Errorf("it was tried again: %v", err)
	}
	p.Ctx = 4096
	if err := s.probe(t.Context(), p); err == nil {
		t.Error("another context was not tried")
	}
}

func TestServeRefusesInOneLine(t *testing.T) {
	taken := page(t, 200, "X", "", "")
	cut := put(t, "cut.gguf", "GGUF\x03\x00\x00\x00", 0o600)
	for _, c := range []struct {
		rule string
		line []string
		want string
	}{
		{"a port that is taken", []string{"--listen", string(taken)}, "port " + portOf(taken) + " is in use: another program has it; choose another with --listen"},
		{"a model that is not there", []string{"--model", "./nowhere.gguf"}, "model file: stat ./nowhere.gguf: no such file or directory; name one with --model"},
		{"a file that is cut off", []string{"--model", cut}, "; get the file again, or name another with --model"},
		{"a context that the memory can't hold", []string{"--model", testmodel.Path(t, "smollm2"), "--ctx", "16777216", "--log-level", "error"}, "; try a smaller --ctx or a smaller model"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			line := append([]string{"--listen", "127.0.0.1:0"}, c.line...)
			got := command(t, process{open: openToy}, line...)
			if got.code != 1 || !strings.HasPrefix(got.err, "moltbot: ") || !strings.HasSuffix(got.err, c.want+"\n") || strings.Count(got.err, "\n") != 1 {
				t.Errorf("got %+v, want %q", got, c.want)
			}
		})
	}
}
