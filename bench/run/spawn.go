package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	askEvery = 100 * time.Millisecond // until a spawned target is ready
	grace    = 10 * time.Second       // between SIGTERM and SIGKILL
)

// up runs do while a target is up, with its process id, 0 when unknown. A target
// with a command lives for just this long, so two of them never share the machine.
func (r *runner) up(ctx context.Context, t int, do func(pid int) error) error {
	target := &r.Targets[t]
	if target.Command == "" {
		return do(listener(target.URL))
	}
	s, err := r.spawn(target)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := r.ready(ctx, t, s); err != nil {
		return err
	}
	return do(s.cmd.Process.Pid)
}

// spawned is a target that this program started.
type spawned struct {
	cmd  *exec.Cmd
	done chan struct{} // closed after it ended
	end  error         // how; read after done
	log  io.Closer
}

// spawn starts a target's command in a process group of its own, on a free port.
func (r *runner) spawn(t *Target) (*spawned, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	t.URL = "http://127.0.0.1:" + port
	out, err := r.log(t.Name)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("sh", "-c", "exec "+strings.ReplaceAll(t.Command, "{port}", port))
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", t.Name, err), out.Close())
	}
	s := &spawned{cmd: cmd, done: make(chan struct{}), log: out}
	go func() {
		s.end = cmd.Wait()
		close(s.done)
	}()
	return s, nil
}

// log opens the file that takes a target's output.
func (r *runner) log(name string) (*os.File, error) {
	if r.LogDir == "" {
		return os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	}
	f, err := os.OpenFile(filepath.Join(r.LogDir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("keep the output of %s: %w", name, err)
	}
	return f, nil
}

// freePort returns a port that is free now. Another process may take it before
// the target does; the target then fails to start and says so.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	return strconv.Itoa(port), l.Close()
}

// ready waits until a spawned target lists its models.
func (r *runner) ready(ctx context.Context, t int, s *spawned) error {
	ctx, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		err := r.healthy(ctx, t)
		if err == nil {
			return nil
		}
		select {
		case <-s.done:
			return fmt.Errorf("%s ended before it was ready: %v", r.Targets[t].Name, s.end)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", r.Targets[t].Name, err)
		case <-tick.C:
		}
	}
}

// stop ends the target: SIGTERM, after a while SIGKILL, to its whole group.
func (s *spawned) stop() {
	group := -s.cmd.Process.Pid
	syscall.Kill(group, syscall.SIGTERM) // fails when all of it is gone, which is well
	select {
	case <-s.done:
	case <-time.After(grace):
	}
	syscall.Kill(group, syscall.SIGKILL)
	<-s.done
	s.log.Close()
}
