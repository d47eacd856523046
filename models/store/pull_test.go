package store

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a data folder, a model in two wheels, and a pip that hands them out.
type world struct {
	Spec
	data  string
	bin   string // the only folder on PATH, with the fake python3
	shelf string // the wheels that the fake pip finds
	out   bytes.Buffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{data: t.TempDir(), bin: t.TempDir(), shelf: t.TempDir()}
	whole := strings.Repeat("one", 1000) + strings.Repeat("two", 1000)
	sum := sha256.Sum256([]byte(whole))
	w.Spec = Spec{
		Name: "toy", File: "toy.gguf", SHA256: hex.EncodeToString(sum[:]), Size: int64(len(whole)),
		Parts: []Part{{"toy-a", "1", "data/toy.0", 200}, {"toy-b", "1", "data/toy.1", 200}},
	}
	w.stock(t, "toy-a", "data/toy.0", whole[:3000])
	w.stock(t, "toy-b", "data/toy.1", whole[3000:])
	w.pip(t, "23.2", "serve")
	for _, tool := range []string{"sh", "cp", "cat", "sleep", "mkdir", "kill", "touch", "head"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(w.bin, tool)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", w.bin)
	return w
}

// stock puts a wheel onto the shelf.
func (w *world) stock(t *testing.T, pkg, member, content string) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create(member)
	if err == nil {
		_, err = f.Write([]byte(content))
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(w.shelf, pkg+".whl"), b.String())
}

// pip writes a fake python3: what it does with a download is shell code, in
// which $pkg is the package, $out the folder, and serve hands the wheel out.
func (w *world) pip(t *testing.T, version, download string) {
	t.Helper()
	script := fmt.Sprintf(`#!/bin/sh
if [ "$3" = --version ]; then echo "pip %s from nowhere"; exit; fi
echo "$@" >> %s/calls
while [ $# -gt 1 ]; do [ "$1" = -d ] && out=$2; shift; done
pkg=${1%%%%==*}
serve() { cp "%s/$pkg.whl" "$out/$pkg-1-py3-none-any.whl"; }
%s
`, version, w.shelf, w.shelf, download)
	path := filepath.Join(w.bin, "python3")
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (w *world) pull(t *testing.T) error {
	t.Helper()
	w.out.Reset()
	_, err := Pull(t.Context(), w.Spec, w.data, &w.out)
	return err
}

// calls returns how pip was called, one line for each download.
func (w *world) calls() string {
	b, _ := os.ReadFile(filepath.Join(w.shelf, "calls"))
	return string(b)
}

// wantWhole checks the file and that nothing else was left.
func (w *world) wantWhole(t *testing.T) {
	t.Helper()
	if err := Verify(t.Context(), filepath.Join(Dir(w.data), w.File), w.SHA256); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(Dir(w.data), ".[^l]*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// wantNothing checks that no file stands where the model would be.
func (w *world) wantNothing(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(Dir(w.data), w.File)); err == nil {
		t.Error("a file stands where only a whole one may")
	}
	temps, _ := filepath.Glob(filepath.Join(Dir(w.data), "*.tmp"))
	if len(temps) > 0 {
		t.Errorf("left behind: %v", temps)
	}
}

func TestPullJoinsTheParts(t *testing.T) {
	w := newWorld(t)
	if err := w.pull(t); err != nil {
		t.Fatal(err)
	}
	w.wantWhole(t)
	if !strings.Contains(w.out.String(), "unpacking toy.gguf: done\n") {
		t.Errorf("it said:\n%s", w.out.String())
	}
}

func TestPullLeavesAWholeFileAlone(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		if err := w.pull(t); err != nil {
			t.Fatal(err)
		}
	}
	w.wantWhole(t)
	if n := strings.Count(w.calls(), "\n"); n != 2 || w.out.Len() > 0 {
		t.Errorf("%d downloads for 2 parts; the second pull said %q", n, w.out.String())
	}
}

func TestPullReplacesADamagedFile(t *testing.T) {
	w := newWorld(t)
	writeFile(t, filepath.Join(Dir(w.data), w.File), "cut")
	if err := w.pull(t); err != nil {
		t.Fatal(err)
	}
	w.wantWhole(t)
}

func TestPullGoesOnAfterAnInterruption(t *testing.T) {
	w := newWorld(t)
	w.pip(t, "23.2", `[ $pkg = toy-a ] && serve || { echo "ERROR: cut"; exit 1; }`)
	if err := w.pull(t); err == nil {
		t.Fatal("half a model was taken")
	}
	w.wantNothing(t)
	writeFile(t, filepath.Join(Dir(w.data), ".download", "pip-old", "half.whl"), "half")
	writeFile(t, filepath.Join(Dir(w.data), ".123.tmp"), "half")
	w.pip(t, "23.2", "serve")
	if err := w.pull(t); err != nil {
		t.Fatal(err)
	}
	w.wantWhole(t)
	if n := strings.Count(w.calls(), "toy-a"); n != 1 {
		t.Errorf("the finished part was downloaded %d times", n)
	}
}

func TestPullStartsOverOnADamagedOldWheel(t *testing.T) {
	w := newWorld(t)
	writeFile(t, filepath.Join(Dir(w.data), ".download", "toy-a-1.whl"), "not a zip")
	if err := w.pull(t); err != nil {
		t.Fatal(err)
	}
	w.wantWhole(t)
}

func TestPullFaults(t *testing.T) {
	for _, c := range []struct{ rule, pip, want string }{
		{"pip's own words are passed on", `echo "noise"; echo "ERROR: No matching distribution found for $pkg" >&2; exit 1`, "No matching distribution found for toy-a; without a network, put the file there yourself: "},
		{"a silent failure is told by its status", `exit 3`, "pip could not download toy-a==1: exit status 3"},
		{"a full disk is named", `echo "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"; exit 1`, "the disk is full"},
		{"a wheel that is cut is damaged", `head -c 100 "` + "$shelf" + `/$pkg.whl" > "$out/$pkg.whl"`, "is damaged"},
		{"a success without a wheel is a failure", `true`, "pip left 0 wheels for toy-a"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			w := newWorld(t)
			w.pip(t, "23.2", "shelf="+w.shelf+"; "+c.pip)
			err := w.pull(t)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got  %v\nwant one line with %q", err, c.want)
			}
			w.wantNothing(t)
		})
	}
}

func TestPullRefusesWrongContent(t *testing.T) {
	for _, c := range []struct{ rule, member, content, want string }{
		{"other bytes", "data/toy.1", strings.Repeat("six", 1000), "its sha256 is"},
		{"too many bytes", "data/toy.1", strings.Repeat("two", 9000), "too long"},
		{"too few bytes", "data/toy.1", "two", "its sha256 is"},
		{"another member", "data/other", "two", "damaged"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			w := newWorld(t)
			w.stock(t, "toy-b", c.member, c.content)
			if err := w.pull(t); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			w.wantNothing(t)
		})
	}
}

func TestPullNeedsPip(t *testing.T) {
	w := newWorld(t)
	os.Remove(filepath.Join(w.bin, "python3"))
	writeFile(t, filepath.Join(w.bin, "apt-get"), "#!/bin/sh\n")
	os.Chmod(filepath.Join(w.bin, "apt-get"), 0o755)
	if err := w.pull(t); err == nil || !strings.Contains(err.Error(), "install it with: sudo apt-get install -y python3-pip") {
		t.Errorf("got %v", err)
	}
}

func TestPullResumesWithinAFileWherePipCan(t *testing.T) {
	for version, want := range map[string]bool{"23.2.1": false, "25.0": false, "25.1": true, "26.0": true} {
		w := newWorld(t)
		w.pip(t, version, "serve")
		if err := w.pull(t); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(w.calls(), "--resume-retries"); got != want {
			t.Errorf("pip %s: --resume-retries is %v, want %v", version, got, want)
		}
	}
}

func TestACancelledPullKillsPipAndItsChildren(t *testing.T) {
	w := newWorld(t)
	pidFile := filepath.Join(w.shelf, "pid")
	w.pip(t, "23.2", `sleep 600 & echo $! > `+pidFile+`; wait`)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		waitFor(t, func() bool { b, _ := os.ReadFile(pidFile); return bytes.HasSuffix(b, []byte("\n")) })
		cancel()
	}()
	_, err := Pull(ctx, w.Spec, w.data, &w.out)
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "yourself") {
		t.Errorf("got %v", err)
	}
	w.wantNothing(t)
	pid, _ := os.ReadFile(pidFile)
	waitFor(t, func() bool { return gone(strings.TrimSpace(string(pid))) })
	w.pip(t, "23.2", "serve")
	if err := w.pull(t); err != nil {
		t.Fatal(err)
	}
	w.wantWhole(t)
}

// gone tells whether a process has ended, though nobody may have asked for its status yet.
func gone(pid string) bool {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	return err != nil || bytes.Contains(b, []byte(") Z "))
}

func TestOnlyOneFetchesAtATime(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := Pull(t.Context(), w.Spec, w.data, &bytes.Buffer{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	w.wantWhole(t)
	if n := strings.Count(w.calls(), "\n"); n != 2 {
		t.Errorf("%d downloads for 2 parts", n)
	}
}

func TestWaitingForTheLockEndsWithTheContext(t *testing.T) {
	w := newWorld(t)
	writeFile(t, filepath.Join(Dir(w.data), ".lock"), "")
	unlock, err := lock(t.Context(), filepath.Join(Dir(w.data), ".lock"), &w.out)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := Pull(ctx, w.Spec, w.data, &w.out); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(w.out.String(), "waiting for it") {
		t.Errorf("it said %q", w.out.String())
	}
}

func TestPullAsksForRoomFirst(t *testing.T) {
	w := newWorld(t)
	w.Size = 1 << 60
	if err := w.pull(t); err == nil || !strings.Contains(err.Error(), "are needed") || w.calls() != "" {
		t.Errorf("got %v after %q", err, w.calls())
	}
}

// waitFor polls; the test's own time limit is the only one.
func waitFor(t *testing.T, ok func() bool) {
	for !ok() && t.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
}
