package e2e

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moltbot/moltbot/internal/testmodel"
)

// outcome is what a command said and how it ended.
type outcome struct {
	out, err string
	code     int
}

// command runs a moltbot that ends by itself.
func command(t testing.TB, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, log strings.Builder
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return outcome{out.String(), log.String(), cmd.ProcessState.ExitCode()}
}

// serve runs a moltbot that is expected not to start.
func serve(t testing.TB, args ...string) outcome {
	t.Helper()
	return command(t, append([]string{"--data", data, "--listen", "127.0.0.1:0", "--threads", "1", "--log-level", "error"}, args...)...)
}

// wantRefusal checks that a command ended with one clear line that holds the words, and code 1.
func wantRefusal(t testing.TB, what string, got outcome, words ...string) {
	t.Helper()
	oneLine(t, what, got.err)
	if got.code != 1 || got.out != "" {
		t.Errorf("%s: code %d, said %q", what, got.code, got.out)
	}
	for _, word := range words {
		if !strings.Contains(got.err, word) {
			t.Errorf("%s: %q does not say %q", what, got.err, word)
		}
	}
}

// oneLine checks that a text is a single line that begins as moltbot's complaints do.
func oneLine(t testing.TB, what, text string) {
	t.Helper()
	if strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "moltbot: ") || !strings.HasSuffix(text, "\n") {
		t.Errorf("%s: not one clear line:\n%s", what, text)
	}
}

// begun opens a stream of so many tokens and returns it after the first.
func begun(t testing.TB, s *server, tokens string) *bufio.Reader {
	t.Helper()
	body := `{"model": "` + s.model + `", "prompt": "Once", "stream": true, "ignore_eos": true, "max_tokens": ` + tokens + `}`
	res, err := http.Post(s.url+"/v1/completions", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	answer := bufio.NewReader(res.Body)
	for {
		line, err := answer.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "data: ") {
			return answer
		}
	}
}

func TestSIGTERMLetsARunningStreamFinish(t *testing.T) {
	s := own(t, "smollm2", nil, "--ctx", "512")
	answer := begun(t, s, "200")
	if err := s.signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(answer)
	if err != nil || !strings.Contains(string(rest), `"finish_reason":"length"`) || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
		t.Errorf("the stream ended with %.300q, %v", rest, err)
	}
	if code, err := s.exit(); code != 0 || err != nil {
		t.Errorf("code %d, %v", code, err)
	}
}

var stoppingLine = regexp.MustCompile(`"message":"(stopping)`)

// echo is longer than a signal may follow another and still count as the same.
const echo = 200 * time.Millisecond

func TestSecondSIGTERMStopsAtOnce(t *testing.T) {
	s := own(t, "smollm2", []string{"MOLTBOT_SERVER_DRAIN_TIMEOUT=24h"}, "--ctx", "8192")
	answer := begun(t, s, "8000")
	if err := s.signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := s.find(&s.log, stoppingLine); err != nil {
		t.Fatal(err)
	}
	time.Sleep(echo)
	if err := s.signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(answer)
	if err != nil || !strings.Contains(string(rest), `data: {"error":{`) {
		t.Errorf("the stream ended with %.300q, %v; want an error", rest[max(0, len(rest)-300):], err)
	}
	if code, err := s.exit(); code != 1 || err != nil {
		t.Errorf("code %d, %v", code, err)
	}
	lines := strings.SplitAfter(s.log.String(), "\n")
	oneLine(t, "the last word", lines[len(lines)-2])
}

func TestPortInUse(t *testing.T) {
	s := shared(t, "smollm2")
	address := strings.TrimPrefix(s.url, "http://")
	_, port, _ := strings.Cut(address, ":")
	got := command(t, "--data", data, "--listen", address, "--model", testmodel.Path(t, "smollm2"), "--log-level", "error")
	wantRefusal(t, "a port in use", got, port, "in use", "a moltbot answers there", "--listen")
}

func TestContextThatMemoryCannotHold(t *testing.T) {
	got := serve(t, "--model", testmodel.Path(t, "smollm2"), "--ctx", "16777216")
	wantRefusal(t, "a huge context", got, "too little memory", "--ctx")
}

func TestCommandLineMistakes(t *testing.T) {
	got := command(t, "--contxt", "5")
	first, usage, _ := strings.Cut(got.err, "\n")
	if got.code != 2 || !strings.Contains(first, "--contxt") || !strings.Contains(usage, "--ctx") {
		t.Errorf("an unknown flag: %+v", got)
	}
	if got := command(t, "chatt"); got.code != 2 || !strings.Contains(got.err, "chat") {
		t.Errorf("an unknown command: %+v", got)
	}
	wantRefusal(t, "a bad value", serve(t, "--ctx", "many"), "--ctx")
}

func TestHelpNamesEveryCommandAndFlag(t *testing.T) {
	got := command(t, "--help")
	for _, word := range []string{
		"serve", "chat", "models", "doctor", "config", "version",
		"--config", "--listen", "--data", "--model", "--ctx", "--parallel", "--threads", "--log-level", "--api-key-file",
	} {
		if !strings.Contains(got.out, word) {
			t.Errorf("the help does not name %s", word)
		}
	}
	if got.code != 0 || got.err != "" {
		t.Errorf("code %d, %q", got.code, got.err)
	}
}

func TestConfigPrintsWhatIsInForce(t *testing.T) {
	got := command(t, "config", "--ctx", "4096", "--data", data)
	if got.code != 0 || !strings.Contains(got.out, "ctx: 4096 # --ctx\n") || !strings.Contains(got.out, "parallel: 16 # default\n") {
		t.Errorf("%+v", got)
	}
}

func TestDoctorFindsThisMachineFit(t *testing.T) {
	got := command(t, "doctor", "--data", data, "--listen", "127.0.0.1:0", "--model", testmodel.Path(t, "smollm2"))
	for _, check := range []string{"configuration", "libraries", "cpu", "gpu", "model", "memory", "disk", "port"} {
		if !strings.Contains(got.out, check) {
			t.Errorf("%s is not checked", check)
		}
	}
	if got.code != 0 || strings.Contains(got.out, "fail") {
		t.Errorf("code %d:\n%s%s", got.code, got.out, got.err)
	}
}

func TestDoctorSaysWhatIsBroken(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.gguf")
	got := command(t, "doctor", "--data", data, "--listen", "127.0.0.1:0", "--model", missing)
	if got.code != 1 || !strings.Contains(got.out, "fail  model") || !strings.Contains(got.out, "→ ") {
		t.Errorf("code %d:\n%s%s", got.code, got.out, got.err)
	}
}

// cutOff is what chat says of an answer that found no end of its own.
const cutOff = "(cut off: the context is full)\n"

// TestChatAnswersAMessage has a small context: nothing else bounds what is said.
func TestChatAnswersAMessage(t *testing.T) {
	s := own(t, "smollm2", nil, "--ctx", "256")
	got := command(t, "chat", "--url", s.url+"/v1", "Say", "hello.")
	if got.code != 0 || strings.TrimSpace(got.out) == "" || !strings.HasSuffix(got.out, "\n") || got.err != "" && got.err != cutOff {
		t.Errorf("%+v", got)
	}
}

// TestChatWritesTheAnswerAsItComes asks again when the model ends its story at
// once: then nothing is left to be made behind the first piece.
func TestChatWritesTheAnswerAsItComes(t *testing.T) {
	s := own(t, "smollm2", nil, "--ctx", "2048")
	for range 5 {
		if shownWhileItIsMade(t, s) {
			return
		}
	}
	t.Error("each answer was made before its first piece was shown")
}

// shownWhileItIsMade reads the first piece of a long answer and tells whether the
// server still makes the rest.
func shownWhileItIsMade(t *testing.T, s *server) bool {
	t.Helper()
	cmd := exec.Command(program, "chat", "--url", s.url+"/v1", "--system", "You tell very long stories.", "Tell me the story of a whale.")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n, err := io.ReadFull(out, make([]byte, 4))
	now := s.load(t)
	t.Logf("%d bytes came, %v: %+v", n, err, now)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // it was interrupted
	s.idle(t)
	return err == nil && now.Running == 1
}

func TestChatWithoutAServer(t *testing.T) {
	got := command(t, "chat", "--url", "http://127.0.0.1:1/v1", "Hello")
	wantRefusal(t, "no server", got, "no server at http://127.0.0.1:1/v1")
}
