package blobs

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/moltbot/moltbot/kvcache"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a store whose spills can be waited for.
type rig struct {
	*Store
	t     *testing.T
	ended chan error
}

func start(t *testing.T, folder string, d disk) (*rig, []Found) {
	t.Helper()
	r := &rig{t: t, ended: make(chan error, 100)}
	s, err := open(Config{Folder: folder, Identity: []byte("model")}, d)
	if err != nil {
		t.Fatal(err)
	}
	s.Notify(func(ended Spilled) { r.ended <- ended.Err })
	r.Store = s
	t.Cleanup(r.stop)
	return r, s.Found()
}

func (r *rig) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		r.t.Error(err)
	}
}

func (r *rig) add(content []byte) kvcache.BlobID {
	r.t.Helper()
	id, n, err := r.New(len(content), func(b []byte) (int, error) { return copy(b, content), nil })
	if err != nil || int(n) != len(content) {
		r.t.Fatalf("%d bytes, %v", n, err)
	}
	return id
}

func (r *rig) spill(id kvcache.BlobID, e kvcache.Entry, whole kvcache.Pos) error {
	r.t.Helper()
	r.Spill(id, e, whole)
	return <-r.ended
}

func (r *rig) want(id kvcache.BlobID, content []byte) {
	r.t.Helper()
	if got, err := r.Bytes(id); err != nil || !bytes.Equal(got, content) {
		r.t.Errorf("blob %d: %d bytes, %v", id, len(got), err)
	}
}

func (r *rig) wantLost(id kvcache.BlobID) {
	r.t.Helper()
	if _, err := r.Bytes(id); !errors.Is(err, ErrLost) {
		r.t.Errorf("blob %d: got %v, want ErrLost", id, err)
	}
}

var entry = kvcache.Entry{Key: "tenant", Tokens: []kvcache.Token{5, 6, 7, 8}, From: 1}

// content is some pages long and ends within one.
func content(seed byte) []byte {
	b := make([]byte, 3*page+17)
	for i := range b {
		b[i] = byte(i*7) + seed
	}
	return b
}

func files(t *testing.T, folder string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(folder, "*"+ending+"*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestBlobIsTheSameInRAMOnDiskAndInTheNextRun(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "kv")
	r, found := start(t, folder, osDisk{})
	if len(found) > 0 {
		t.Errorf("a new folder holds %v", found)
	}
	id := r.add(content(1))
	r.want(id, content(1))
	if err := r.spill(id, entry, 2); err != nil {
		t.Fatal(err)
	}
	r.want(id, content(1))
	r.stop()
	for path, mode := range map[string]os.FileMode{folder: 0o700, files(t, folder)[0]: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v, want mode %v", path, info.Mode(), err, mode)
		}
	}
	r, found = start(t, folder, osDisk{})
	if len(found) != 1 {
		t.Fatalf("found %v", found)
	}
	got := found[0]
	if got.Blob != (kvcache.Blob{ID: id, Bytes: int64(len(content(1))), Whole: 2}) || got.Entry.Key != entry.Key ||
		got.Entry.From != entry.From || !slices.Equal(got.Entry.Tokens, entry.Tokens) {
		t.Errorf("found %+v", got)
	}
	r.want(id, content(1))
	if next := r.add(content(2)); next <= id {
		t.Errorf("name %d is used again", next)
	}
	r.Forget(id)
	r.wantLost(id)
	if left := files(t, folder); len(left) > 0 {
		t.Errorf("a forgotten blob left %v", left)
	}
}

func TestParentsAreFoundBeforeChildren(t *testing.T) {
	folder := t.TempDir()
	r, _ := start(t, folder, osDisk{})
	for _, from := range []kvcache.Pos{3, 0, 2} {
		e := entry
		e.From = from
		if err := r.spill(r.add(content(0)), e, 0); err != nil {
			t.Fatal(err)
		}
	}
	r.stop()
	_, found := start(t, folder, osDisk{})
	if !slices.IsSortedFunc(found, func(a, b Found) int { return int(a.Entry.From - b.Entry.From) }) || len(found) != 3 {
		t.Errorf("found %+v", found)
	}
}

func TestMemoryOfASpilledBlobIsFreeUnlessItIsLent(t *testing.T) {
	r, _ := start(t, t.TempDir(), osDisk{})
	id := r.add(content(1))
	lent, err := r.Bytes(id)
	if err != nil {
		t.Fatal(err)
	}
	r.queueBehindLoan(id)
	if err := <-r.ended; err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(lent, content(1)) || r.used() == 0 {
		t.Error("lent memory was taken away")
	}
	r.Forget(0)
	if got := r.used(); got != 0 {
		t.Errorf("%d bytes are still used", got)
	}
	r.want(id, content(1))
}

// queueBehindLoan spills as Spill does, but for its taking back of what is lent.
func (r *rig) queueBehindLoan(id kvcache.BlobID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.blobs[id]
	b.writing = true
	r.queue = append(r.queue, &spill{blob: b, entry: entry})
	r.wake.Signal()
}

func (r *rig) used() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.arena.used
}

func TestOpenRemovesItsOwnLeftoversAlone(t *testing.T) {
	good := header{size: 1, identity: []byte("model"), entry: entry}
	other := good
	other.identity = []byte("another model")
	long := good
	long.size = 2
	for rule, c := range map[string]struct {
		name    string
		content []byte
		stays   bool
	}{
		"a whole file":            {"0000000000000007.kvblob", append(good.encode(), 1), true},
		"one of another identity": {"0000000000000007.kvblob", append(other.encode(), 1), false},
		"a payload too short":     {"0000000000000007.kvblob", append(long.encode(), 1), false},
		"a payload too long":      {"0000000000000007.kvblob", append(good.encode(), 1, 2), false},
		"half of a header":        {"0000000000000007.kvblob", good.encode()[:page/2], false},
		"an empty file":           {"0000000000000007.kvblob", nil, false},
		"a temporary file":        {"0000000000000007.kvblob.tmp", append(good.encode(), 1), false},
		"a foreign name":          {"notes.txt", []byte("x"), true},
		"nearly one of ours":      {"7.kvblob", []byte("x"), true},
		"not hexadecimal":         {"000000000000000x.kvblob", []byte("x"), true},
	} {
		t.Run(rule, func(t *testing.T) {
			folder := t.TempDir()
			path := filepath.Join(folder, c.name)
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			start(t, folder, osDisk{})
			if _, err := os.Stat(path); (err == nil) != c.stays {
				t.Errorf("it stays: %v, want %v", err == nil, c.stays)
			}
		})
	}
}

func TestOneProcessUsesAFolder(t *testing.T) {
	folder := t.TempDir()
	r, _ := start(t, folder, osDisk{})
	if _, err := Open(Config{Folder: folder}); !errors.Is(err, ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
	r.stop()
	start(t, folder, osDisk{})
}

func TestFailedFillStoresNothing(t *testing.T) {
	r, _ := start(t, "", osDisk{})
	broken := errors.New("broken")
	for rule, fill := range map[string]func([]byte) (int, error){
		"an error":           func([]byte) (int, error) { return 1, broken },
		"nothing":            func([]byte) (int, error) { return 0, nil },
		"more than it asked": func(b []byte) (int, error) { return len(b) + 1, nil },
	} {
		if _, _, err := r.New(10, fill); err == nil {
			t.Errorf("%s: no error", rule)
		}
	}
	if r.used() != 0 || len(r.blobs) != 0 {
		t.Errorf("%d bytes, %d blobs are there", r.used(), len(r.blobs))
	}
}

func TestSpillThatCannotBeIsTold(t *testing.T) {
	r, _ := start(t, "", osDisk{})
	if err := r.spill(r.add(content(0)), entry, 0); !errors.Is(err, ErrNoFolder) {
		t.Errorf("got %v, want ErrNoFolder", err)
	}
	r, _ = start(t, t.TempDir(), osDisk{})
	if err := r.spill(99, entry, 0); !errors.Is(err, ErrLost) {
		t.Errorf("got %v, want ErrLost", err)
	}
	bad := entry
	bad.From = 4
	if err := r.spill(r.add(content(0)), bad, 0); err == nil {
		t.Error("a blob of no tokens was written")
	}
}

func TestFileThatShrinksIsLostAndEndsNobody(t *testing.T) {
	folder := t.TempDir()
	r, _ := start(t, folder, osDisk{})
	id := r.add(content(0))
	if err := r.spill(id, entry, 0); err != nil {
		t.Fatal(err)
	}
	held, err := r.Bytes(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(files(t, folder)[0], page); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(held, content(0)) {
		t.Error("what was lent has changed")
	}
	r.wantLost(id)
	if left := files(t, folder); len(left) > 0 {
		t.Errorf("a lost blob left %v", left)
	}
}

// TestFileOfTheSystemIsTooLong meets the limit that the kernel sets, as a full disk does.
func TestFileOfTheSystemIsTooLong(t *testing.T) {
	folder := t.TempDir()
	r, _ := start(t, folder, osDisk{})
	id := r.add(content(0))
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 2 * page, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	err := r.spill(id, entry, 0)
	if e := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); e != nil {
		t.Fatal(e)
	}
	if !errors.Is(err, syscall.EFBIG) {
		t.Errorf("got %v, want EFBIG", err)
	}
	r.want(id, content(0))
	if left := files(t, folder); len(left) > 0 {
		t.Errorf("a failed spill left %v", left)
	}
	if err := r.spill(id, entry, 0); err != nil {
		t.Errorf("with room: %v", err)
	}
}
