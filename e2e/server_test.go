package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moltbot/moltbot/internal/testmodel"
)

// process is a program that was started and writes what it has to say into memory.
type process struct {
	cmd    *exec.Cmd
	out    lines // its standard output
	log    lines // its standard error
	exited chan struct{}
}

func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.out, &p.log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait() // ProcessState says how it ended
		close(p.exited)
	}()
	return p, nil
}

// find waits until the pattern appears in what a process says, and returns its first group.
func (p *process) find(in *lines, pattern *regexp.Regexp) (string, error) {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if found := pattern.FindStringSubmatch(in.String()); found != nil {
			return found[1], nil
		}
		select {
		case <-p.exited:
			return "", fmt.Errorf("%s: %v\n%s%s", p.cmd, p.cmd.ProcessState, p.out.String(), p.log.String())
		case <-time.After(5 * time.Millisecond):
		}
	}
	return "", fmt.Errorf("%s never said %s\n%s%s", p.cmd, pattern, p.out.String(), p.log.String())
}

// signal sends a signal to a process that runs.
func (p *process) signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// exit waits for the end of a process and returns its exit code; -1 after a signal.
func (p *process) exit() (int, error) {
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-time.After(patience):
		return 0, errors.Join(fmt.Errorf("%s did not end", p.cmd), p.cmd.Process.Kill())
	}
}

// server is a moltbot that answers.
type server struct {
	*process
	url   string // http://127.0.0.1:PORT
	model string // its name on the wire
}

var addressLine = regexp.MustCompile(`(?m)^  address +(http://\S+)$`)

// startServer starts a moltbot on a free port and waits until it is ready. It
// computes on one thread: two that spin would hinder each other on a busy machine.
// Told to end, it waits for its requests as long as the tests do.
func startServer(path string, env []string, flags ...string) (*server, error) {
	flags = append([]string{"--data", data, "--listen", "127.0.0.1:0", "--model", path, "--threads", "1"}, flags...)
	cmd := exec.Command(program, flags...)
	cmd.Env = append(append(os.Environ(), "MOLTBOT_SERVER_DRAIN_TIMEOUT="+patience.String()), env...)
	p, err := startProcess(cmd)
	if err != nil {
		return nil, err
	}
	url, err := p.find(&p.out, addressLine)
	if err != nil {
		return nil, err
	}
	s := &server{p, url, strings.TrimSuffix(filepath.Base(path), ".gguf")}
	return s, watching.watch(s)
}

// stop ends a server as an operator would.
func (s *server) stop() error {
	if err := s.signal(syscall.SIGTERM); err != nil {
		return err
	}
	if code, err := s.exit(); err != nil || code != 0 {
		return errors.Join(err, fmt.Errorf("%s ended with code %d\n%s", s.cmd, code, s.log.String()))
	}
	return nil
}

// own starts a server for one test, which ends it.
func own(t testing.TB, model string, env []string, flags ...string) *server {
	t.Helper()
	s, err := startServer(testmodel.Path(t, model), env, flags...)
	if err != nil {
		t.Fatal(err)
	}
	showOnFailure(t, s)
	t.Cleanup(func() {
		select {
		case <-s.exited: // the test has ended it
		default:
			if err := s.stop(); err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

// common are the servers that tests share.
var common = map[string]*server{}

// shared returns the server that all tests of a model share.
func shared(t testing.TB, model string) *server {
	t.Helper()
	return sharedAs(t, model, model)
}

// noDrafts is for texts that are compared to the letter. A draft changes the shape
// of a batch and so, where two tokens are nearly as likely, the text; and whether
// one is tried depends on how long steps take.
const noDrafts = "MOLTBOT_MODEL_DRAFTS=false"

// exact returns the server of a model for tests that compare texts to the letter.
func exact(t testing.TB, model string) *server {
	t.Helper()
	return sharedAs(t, "exact "+model, model, noDrafts)
}

func sharedAs(t testing.TB, name, model string, env ...string) *server {
	t.Helper()
	if common[name] == nil {
		s, err := startServer(testmodel.Path(t, model), env, "--ctx", "2048")
		if err != nil {
			t.Fatal(err)
		}
		common[name] = s
	}
	showOnFailure(t, common[name])
	return common[name]
}

func endCommon() (err error) {
	for _, s := range common {
		err = errors.Join(err, s.stop())
	}
	return err
}

// showOnFailure shows what a server says during a test, if that fails.
func showOnFailure(t testing.TB, s *server) {
	before := len(s.log.String())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s said:\n%s", s.cmd, s.log.String()[before:])
		}
	})
}

// lines can be read while they are written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
