package blobs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

// faulty is a disk on which one call fails, and which may hang.
type faulty struct {
	osDisk
	fails string
	hang  chan struct{} // writes wait for its end
}

func (d faulty) fault(call string) error {
	if d.fails == call {
		return syscall.ENOSPC
	}
	return nil
}

func (d faulty) create(path string) (handle, error) {
	if err := d.fault("create"); err != nil {
		return nil, err
	}
	h, err := d.osDisk.create(path)
	return faultyHandle{h, d}, err
}

func (d faulty) open(path string) (handle, error) {
	h, err := d.osDisk.open(path)
	return faultyHandle{h, d}, err
}

func (d faulty) rename(from, to string) error {
	if err := d.fault("rename"); err != nil {
		return err
	}
	return d.osDisk.rename(from, to)
}

func (d faulty) sync(folder string) error {
	return errors.Join(d.fault("sync of the folder"), d.osDisk.sync(folder))
}

type faultyHandle struct {
	handle
	d faulty
}

func (h faultyHandle) Write(b []byte) (int, error) {
	if h.d.hang != nil {
		<-h.d.hang
	}
	if h.d.fails == "short write" {
		return h.handle.Write(b[:len(b)/2])
	}
	if err := h.d.fault("write"); err != nil {
		n, _ := h.handle.Write(b[:len(b)/2])
		return n, err
	}
	return h.handle.Write(b)
}

func (h faultyHandle) Sync() error { return errors.Join(h.d.fault("sync"), h.handle.Sync()) }

func (h faultyHandle) Close() error { return errors.Join(h.handle.Close(), h.d.fault("close")) }

func (h faultyHandle) ReadAt(b []byte, at int64) (int, error) {
	if h.d.fails == "read" {
		n, _ := h.handle.ReadAt(b[:len(b)/2], at)
		return n, io.ErrUnexpectedEOF
	}
	return h.handle.ReadAt(b, at)
}

func TestFailedSpillLeavesTheBlobInRAMAndNoFile(t *testing.T) {
	for _, call := range []string{"create", "write", "short write", "sync", "close", "rename", "sync of the folder"} {
		t.Run(call, func(t *testing.T) {
			folder := t.TempDir()
			r, _ := start(t, folder, faulty{fails: call})
			id := r.add(content(0))
			if err := r.spill(id, entry, 0); err == nil {
				t.Error("no error")
			}
			r.want(id, content(0))
			r.stop()
			if _, found := start(t, folder, osDisk{}); len(found) > 0 {
				t.Errorf("a failed spill left %+v", found)
			}
			if left := files(t, folder); len(left) > 0 {
				t.Errorf("it left %v", left)
			}
		})
	}
}

func TestShortReadIsLost(t *testing.T) {
	r, _ := start(t, t.TempDir(), faulty{fails: "read"})
	id := r.add(content(0))
	if err := r.spill(id, entry, 0); err != nil {
		t.Fatal(err)
	}
	r.wantLost(id)
}

func TestDiskThatHangsDoesNotHoldUpClose(t *testing.T) {
	folder := t.TempDir()
	hang := make(chan struct{})
	s, err := open(Config{Folder: folder}, faulty{hang: hang})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Store: s, t: t}
	for range 3 {
		s.Spill(r.add(content(0)), entry, 0)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	close(hang)
	<-s.ended
	if _, found := start(t, folder, osDisk{}); len(found) > 0 {
		t.Errorf("given up, and yet found: %+v", found)
	}
}

func TestForgottenBlobIsNotSpilled(t *testing.T) {
	folder := t.TempDir()
	hang := make(chan struct{})
	r, _ := start(t, folder, faulty{hang: hang})
	id := r.add(content(0))
	r.Spill(id, entry, 0)
	r.Forget(id)
	r.wantLost(id)
	close(hang)
	r.stop()
	if left := files(t, folder); len(left) > 0 || len(r.ended) > 0 {
		t.Errorf("files %v, %d spills told", left, len(r.ended))
	}
}

// TestFlippedBitIsNeverServed: wherever it is, while the store runs or before it opens.
func TestFlippedBitIsNeverServed(t *testing.T) {
	folder := t.TempDir()
	r, _ := start(t, folder, osDisk{})
	id := r.add(content(0))
	if err := r.spill(id, entry, 0); err != nil {
		t.Fatal(err)
	}
	r.stop()
	path := files(t, folder)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		at := rapid.IntRange(0, 8*len(whole)-1).Draw(rt, "bit")
		early := rapid.Bool().Draw(rt, "before it opens")
		broken := bytes.Clone(whole)
		broken[at/8] ^= 1 << (at % 8)
		write(rt, path, map[bool][]byte{true: broken, false: whole}[early])
		s, err := Open(Config{Folder: folder, Identity: []byte("model")})
		if err != nil {
			rt.Fatal(err)
		}
		defer s.Close(context.Background())
		if !early {
			write(rt, path, broken)
		}
		for _, f := range s.Found() {
			b, err := s.Bytes(f.Blob.ID)
			if err == nil && !bytes.Equal(b, content(0)) {
				rt.Errorf("a flipped bit %d was served", at)
			}
			if err != nil && !errors.Is(err, ErrLost) {
				rt.Errorf("got %v, want ErrLost", err)
			}
		}
	})
}

func write(t *rapid.T, path string, b []byte) {
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func FuzzHeader(f *testing.F) {
	f.Add(header{size: 1, identity: []byte("model"), entry: entry}.encode())
	f.Add([]byte(magic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseHeader(b)
		if err != nil {
			return
		}
		again, err := parseHeader(h.encode())
		if err != nil || again.size != h.size || again.entry.Key != h.entry.Key || len(again.entry.Tokens) != len(h.entry.Tokens) {
			t.Errorf("%+v becomes %+v, %v", h, again, err)
		}
	})
}
