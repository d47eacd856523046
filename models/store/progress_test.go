package store

import (
	"bytes"
	"io"
	"path/filepath"
	"testing"
)

func TestLinesTellEachTenthOnce(t *testing.T) {
	var out bytes.Buffer
	m := newMeter(&out, "fetching toy", 20e6)
	for _, n := range []int64{1e6, 2e6, 2e6, 3e6, 11e6, 25e6} {
		m.set(n)
	}
	m.done(true)
	want := "fetching toy (20 MB)\nfetching toy: 10 %\nfetching toy: 50 %\nfetching toy: 90 %\nfetching toy: done\n"
	if out.String() != want {
		t.Errorf("it said:\n%swant:\n%s", out.String(), want)
	}
}

func TestLinesEndSilentlyOnAFailure(t *testing.T) {
	var out bytes.Buffer
	newMeter(&out, "fetching toy", 20e6).done(false)
	if want := "fetching toy (20 MB)\n"; out.String() != want {
		t.Errorf("it said %q, want %q", out.String(), want)
	}
}

// A bar that waits for bytes that never come would hang the program.
func TestABarEndsWhateverCame(t *testing.T) {
	for _, n := range []int64{0, 5, 10, 15} {
		for _, whole := range []bool{true, false} {
			b := newBar(io.Discard, "fetching toy", 10)
			b.set(n)
			b.Write(make([]byte, 1))
			b.done(whole)
		}
	}
}

func TestTheLargestFileCounts(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "a"), "123")
	writeFile(t, filepath.Join(dir, "below", "b"), "12345")
	if n := largest(dir); n != 5 {
		t.Errorf("got %d bytes, want 5", n)
	}
	if n := largest(filepath.Join(dir, "gone")); n != 0 {
		t.Errorf("got %d bytes of nothing", n)
	}
}
