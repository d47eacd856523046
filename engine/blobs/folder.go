package blobs

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moltbot/moltbot/kvcache"
)

// A file's name is the blob's id in 16 hex digits and ending; while it is
// written, temporary follows. No other name is ours.
const (
	ending    = ".kvblob"
	temporary = ".tmp"
	chunk     = 4 << 20 // bytes of one write, after which the writer looks whether to go on
)

// folder is where blobs lie on disk, locked against other processes.
type folder struct {
	disk     disk
	path     string
	identity []byte
	lock     *os.File
}

// file is a blob on disk, with what its header says.
type file struct {
	header
	id   kvcache.BlobID
	path string
	at   int64 // where the payload begins
}

func (f file) found() Found {
	return Found{Entry: f.entry, Blob: kvcache.Blob{ID: f.id, Bytes: f.size, Whole: f.whole}}
}

func openFolder(d disk, path string, identity []byte) (*folder, []file, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, nil, err
	}
	lock, err := lockFolder(path)
	if err != nil {
		return nil, nil, err
	}
	f := &folder{disk: d, path: path, identity: identity, lock: lock}
	files, err := f.scan()
	if err != nil {
		return nil, nil, errors.Join(err, lock.Close())
	}
	return f, files, nil
}

func (f *folder) close() { f.lock.Close() }

// scan returns the good files, sorted by From, and removes the bad ones.
func (f *folder) scan() ([]file, error) {
	names, err := os.ReadDir(f.path)
	if err != nil {
		return nil, err
	}
	var files []file
	for _, name := range names {
		id, temp, ours := parseName(name.Name())
		if !ours || !name.Type().IsRegular() {
			continue
		}
		file := file{id: id, path: filepath.Join(f.path, name.Name())}
		if temp || f.readHeader(&file) != nil {
			if err := f.disk.remove(file.path); err != nil {
				return nil, err
			}
			continue
		}
		files = append(files, file)
	}
	slices.SortStableFunc(files, func(a, b file) int { return cmp.Compare(a.entry.From, b.entry.From) })
	return files, nil
}

func parseName(name string) (id kvcache.BlobID, temp, ours bool) {
	name, temp = strings.CutSuffix(name, temporary)
	digits, ours := strings.CutSuffix(name, ending)
	n, err := strconv.ParseUint(digits, 16, 64)
	blob := kvcache.BlobID(n)
	return blob, temp, ours && err == nil && fileName(blob) == name && n < 1<<63
}

func fileName(id kvcache.BlobID) string { return fmt.Sprintf("%016x%s", uint64(id), ending) }

// readHeader fills a file's header; an error where it isn't one of ours, whole and for this identity.
func (f *folder) readHeader(to *file) error {
	h, err := f.disk.open(to.path)
	if err != nil {
		return err
	}
	defer h.Close()
	first := make([]byte, page)
	if _, err := h.ReadAt(first, 0); err != nil {
		return err
	}
	n, err := headerSize(first)
	if err != nil {
		return err
	}
	info, err := h.Stat()
	if err != nil || info.Size() < int64(n) {
		return fmt.Errorf("shorter than its header: %w", err)
	}
	b := make([]byte, n)
	if _, err := h.ReadAt(b, 0); err != nil {
		return err
	}
	if to.header, err = parseHeader(b); err != nil {
		return err
	}
	to.at = int64(n)
	if info.Size()-to.at != to.size || !bytes.Equal(to.identity, f.identity) {
		return errors.New("its length is wrong or it is of another identity")
	}
	return nil
}

// read fills b with a file's payload. ErrLost: it isn't what was written.
func (f *folder) read(from file, b []byte) error {
	h, err := f.disk.open(from.path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	if err != nil {
		return err
	}
	defer h.Close()
	if _, err := h.ReadAt(b, from.at); err != nil {
		return fmt.Errorf("%w: read: %w", ErrLost, err)
	}
	if crc32.Checksum(b, castagnoli) != from.sum {
		return fmt.Errorf("%w: the payload's sum is wrong", ErrLost)
	}
	return nil
}

// remove can't be helped where it fails: the next Open meets the file again.
func (f *folder) remove(file file) { _ = f.disk.remove(file.path) }

// write makes a durable file: after an error, or a crash at any point, there is
// none but a temporary one. stop is asked now and then.
func (f *folder) write(job *spill, stop func(*blob) bool) (file, error) {
	b := job.blob
	out := file{
		header: header{
			size: int64(len(b.ram)), sum: crc32.Checksum(b.ram, castagnoli),
			whole: job.whole, identity: f.identity, entry: job.entry,
		},
		id:   b.id,
		path: filepath.Join(f.path, fileName(b.id)),
	}
	if err := out.check(); err != nil {
		return file{}, fmt.Errorf("blobs: spill blob %d: %w", b.id, err)
	}
	head := out.encode()
	out.at = int64(len(head))
	temp := out.path + temporary
	err := f.writeTemp(temp, head, b.ram, func() bool { return stop(b) })
	if err == nil {
		err = f.disk.rename(temp, out.path)
	}
	if err != nil {
		_ = f.disk.remove(temp)
		return file{}, fmt.Errorf("blobs: spill blob %d: %w", b.id, err)
	}
	if err := f.disk.sync(f.path); err != nil {
		f.remove(out)
		return file{}, fmt.Errorf("blobs: spill blob %d: %w", b.id, err)
	}
	out.entry = kvcache.Entry{} // the cache keeps it
	return out, nil
}

func (f *folder) writeTemp(path string, head, payload []byte, stop func() bool) error {
	h, err := f.disk.create(path)
	if err != nil {
		return err
	}
	_, err = h.Write(head)
	for part := range slices.Chunk(payload, chunk) {
		if err == nil && stop() {
			err = errors.New("given up")
		}
		if err != nil {
			break
		}
		var n int
		if n, err = h.Write(part); err == nil && n < len(part) {
			err = io.ErrShortWrite
		}
	}
	if err == nil {
		err = h.Sync()
	}
	return errors.Join(err, h.Close())
}
