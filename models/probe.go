package models

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// ErrCrashed says that the child of a Probe didn't end by itself: C aborted or
// touched memory that isn't there.
var ErrCrashed = errors.New("the model crashes the engine while it is loaded")

const probeTail = 64 << 10 // bytes of the child's last words that are kept

// Probe runs a command that loads a model, once, in a process of its own, so
// that a crash in C becomes an error. It returns nil when the command succeeds,
// else one line: ErrCrashed with the reason that C gave, or the last line that
// the command wrote to its standard error. When ctx ends the command is killed.
func Probe(ctx context.Context, exe string, args []string) error {
	cmd := exec.CommandContext(ctx, exe, args...)
	said := &tail{keep: probeTail}
	cmd.Stderr = said
	cmd.WaitDelay = 5 * time.Second
	// No stacks: neither Go's own nor those that ggml asks a debugger for.
	cmd.Env = append(os.Environ(), "GOTRACEBACK=none", "GGML_NO_BACKTRACE=1")
	err := cmd.Run()
	if ctx.Err() != nil {
		return fmt.Errorf("probe the model: %w", ctx.Err())
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("probe the model: %w", err)
	}
	if err != nil {
		return explainExit(exit, said.String())
	}
	return nil
}

var (
	// goSignal is how a Go program reports a signal that C raised; it then exits with 2.
	goSignal = regexp.MustCompile(`(?m)^(SIG[A-Z]+): |^fatal error: (unexpected signal.*)`)
	// cReason is what ggml ("file.cpp:12: …"), the C++ library or malloc says before it aborts.
	cReason = regexp.MustCompile(`(?m)^\S+\.[a-z]+:\d+: .*$|what\(\):.*$|^(?:free|malloc|double free|corrupted).*$`)
)

func explainExit(exit *exec.ExitError, said string) error {
	reason := strings.TrimSpace(cReason.FindString(said))
	if source, rest, ok := strings.Cut(reason, ": "); ok && strings.Contains(source, "/") {
		reason = filepath.Base(source) + ": " + rest // without the folder that it was built in
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return crashed(reason, status.Signal().String())
	}
	if m := goSignal.FindStringSubmatch(said); m != nil {
		return crashed(reason, m[1]+m[2])
	}
	if line := lastLine(said); line != "" {
		return errors.New(line)
	}
	return fmt.Errorf("probe the model: %w", exit)
}

func crashed(reason, signal string) error {
	if reason == "" {
		reason = signal
	}
	return fmt.Errorf("%w: %s", ErrCrashed, reason)
}

func lastLine(said string) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	return strings.TrimPrefix(strings.TrimSpace(lines[len(lines)-1]), "Error: ")
}

// tail keeps the last bytes that were written.
type tail struct {
	keep int
	b    bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	p = p[max(0, n-t.keep):]
	if over := t.b.Len() + len(p) - t.keep; over > 0 {
		t.b.Next(over)
	}
	t.b.Write(p)
	return n, nil
}

func (t *tail) String() string { return t.b.String() }
