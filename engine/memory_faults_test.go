package engine_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/enginetest"
	"github.com/moltbot/moltbot/kvcache"
)

// forgetful is a backend that now and then can't save or load.
type forgetful struct {
	*enginetest.Toy
	random *rand.Rand
	faults int
}

func (f *forgetful) fails(err error) error {
	if f.random.IntN(3) > 0 {
		return nil
	}
	f.faults++
	return err
}

func (f *forgetful) Save(b []byte, seq engine.SeqID, from, to engine.Pos) (int, engine.Pos, error) {
	if err := f.fails(errors.New("nothing is read back")); err != nil {
		return 0, 0, err
	}
	return f.Toy.Save(b, seq, from, to)
}

func (f *forgetful) Load(b []byte, seq engine.SeqID, from, to engine.Pos) error {
	all := []error{kvcache.ErrLost, kvcache.ErrNoCells, errors.New("the bus is busy")}
	if err := f.fails(all[f.random.IntN(len(all))]); err != nil {
		return err
	}
	return f.Toy.Load(b, seq, from, to)
}

// TestWhatCannotBeSavedOrLoadedIsComputed lets tenants talk on through a small
// cache of three tiers of which any part may fail at any time.
func TestWhatCannotBeSavedOrLoadedIsComputed(t *testing.T) {
	for name, shape := range map[string]engine.Shape{
		"full attention":  {Cells: 600, Seqs: 4, Rows: 24},
		"sliding windows": {Cells: 600, Seqs: 4, Rows: 24, Window: 20},
	} {
		t.Run(name, func(t *testing.T) {
			var f *forgetful
			rig := enginetest.Start(t, enginetest.Options{
				Shape: shape, Queue: 200, Cache: tiers(t.TempDir(), 3000, 1<<20),
				Wrap: func(toy *enginetest.Toy) engine.Backend {
					f = &forgetful{Toy: toy, random: rand.New(rand.NewPCG(2, 2))}
					return f
				},
			})
			var wg sync.WaitGroup
			for i := range 12 {
				wg.Go(func() { converse(t, rig.Engine, rand.New(rand.NewPCG(3, uint64(i))), 12) })
			}
			wg.Wait()
			wantIdle(t, rig)
			if reused := rig.Load().Reuse; f.faults == 0 || reused.RAM+reused.Disk == 0 {
				t.Errorf("%d faults, reused %+v: nothing was tried", f.faults, reused)
			}
		})
	}
}

// converse talks for some turns: each prompt is the last one, its answer and a
// few words more, now and then from the beginning.
func converse(t *testing.T, e *engine.Engine, r *rand.Rand, turns int) {
	var text string
	for range turns {
		if r.IntN(4) == 0 || len(text) > 200 {
			text = strings.Repeat("system prompt ", r.IntN(5))
		}
		text += fmt.Sprintf(" turn %d", r.IntN(3))
		req := request(text, 1+r.IntN(30))
		req.Partition = kvcache.Key(fmt.Sprint("tenant ", r.IntN(2)))
		a, err := try(e, req)
		if err != nil {
			t.Error(err)
			return
		}
		wantToy(t, a, req)
		text += a.text
	}
}

func tiers(folder string, ram, disk int64) engine.Cache {
	return engine.Cache{RAM: ram, Disk: disk, Folder: folder}
}

// longPrompt is a prompt that fills a folder in runBefore.
var longPrompt = request("Once upon a time "+strings.Repeat("there was a box in the house ", 5), 10)

// runBefore is an earlier run, which leaves the prompt's state in a folder.
func runBefore(t *testing.T) (folder string, files []string) {
	t.Helper()
	folder = t.TempDir()
	rig := enginetest.Start(t, enginetest.Options{Cache: tiers(folder, 1<<20, 1<<20)})
	complete(t, rig.Engine, longPrompt)
	enginetest.Close(t, rig.Engine)
	return folder, blobFiles(t, folder)
}

func blobFiles(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.kvblob"))
	if err != nil || len(files) == 0 {
		t.Fatalf("the run left %v, %v", files, err)
	}
	return files
}

func TestAFolderSpoiltBetweenTwoRunsCostsTimeOnly(t *testing.T) {
	spoil := func(change func([]byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			b, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, change(b), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for rule, harm := range map[string]func(*testing.T, string){
		"a flipped bit in the payload": spoil(func(b []byte) []byte { b[len(b)-5] ^= 1; return b }),
		"a flipped bit in the header":  spoil(func(b []byte) []byte { b[40] ^= 1; return b }),
		"a file cut short":             spoil(func(b []byte) []byte { return b[:len(b)-1] }),
		"an empty file":                spoil(func([]byte) []byte { return nil }),
		"a file that is gone":          func(t *testing.T, path string) { must(t, os.Remove(path)) },
		"a folder in a file's place":   func(t *testing.T, path string) { must(t, os.Remove(path)); must(t, os.Mkdir(path, 0o700)) },
	} {
		t.Run(rule, func(t *testing.T) {
			folder, files := runBefore(t)
			for _, path := range files {
				harm(t, path)
			}
			rig := enginetest.Start(t, enginetest.Options{Cache: tiers(folder, 1<<20, 1<<20)})
			a := complete(t, rig.Engine, longPrompt)
			wantToy(t, a, longPrompt)
			if a.Usage.Cached > 0 {
				t.Errorf("%d tokens came from a spoilt folder", a.Usage.Cached)
			}
			wantIdle(t, rig)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnIntactFolderServesTheNextRun(t *testing.T) {
	folder, _ := runBefore(t)
	rig := enginetest.Start(t, enginetest.Options{Cache: tiers(folder, 1<<20, 1<<20)})
	a := complete(t, rig.Engine, longPrompt)
	wantToy(t, a, longPrompt)
	if want := len(longPrompt.Prompt) - 1; a.Usage.Cached != want || rig.Load().Reuse.Disk != int64(want) {
		t.Errorf("%d tokens were cached, %+v, want all %d from disk", a.Usage.Cached, rig.Load().Reuse, want)
	}
}

func TestAFileSpoiltWhileTheEngineRunsIsComputed(t *testing.T) {
	folder, files := runBefore(t)
	rig := enginetest.Start(t, enginetest.Options{Cache: tiers(folder, 1<<20, 1<<20)})
	for _, path := range files {
		must(t, os.Truncate(path, 100))
	}
	for range 2 {
		wantToy(t, complete(t, rig.Engine, longPrompt), longPrompt)
	}
	wantIdle(t, rig)
}

func TestALockedFolderCostsTheDiskTierOnly(t *testing.T) {
	folder := t.TempDir()
	enginetest.Start(t, enginetest.Options{Cache: tiers(folder, 1<<20, 1<<20)})
	second := enginetest.Start(t, enginetest.Options{Cache: tiers(folder, 1<<20, 1<<20)})
	wantReuse(t, second.Engine)
}

func TestAFolderThatCannotBeMadeCostsTheDiskTierOnly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	rig := enginetest.Start(t, enginetest.Options{Cache: tiers(filepath.Join(file, "folder"), 1<<20, 1<<20)})
	wantReuse(t, rig.Engine)
}

// wantReuse checks that a prompt is kept in RAM: others need all the cells in between.
func wantReuse(t *testing.T, e *engine.Engine) {
	t.Helper()
	complete(t, e, longPrompt)
	complete(t, e, request("something else", 5))
	a := complete(t, e, longPrompt)
	wantToy(t, a, longPrompt)
	if want := len(longPrompt.Prompt) - 1; a.Usage.Cached != want || e.Load().Reuse.RAM == 0 {
		t.Errorf("%d of %d tokens were cached, %+v", a.Usage.Cached, want, e.Load().Reuse)
	}
}

// TestAFullDiskLeavesPrefixesInMemory limits the files that this process may write
// to fewer bytes than a blob has, which to a write is what a full disk is.
func TestAFullDiskLeavesPrefixesInMemory(t *testing.T) {
	folder := t.TempDir()
	rig := enginetest.Start(t, enginetest.Options{Cache: tiers(folder, 1<<20, 1<<20)})
	complete(t, rig.Engine, longPrompt)
	restore := limitFiles(t, 100)
	must(t, rig.Flush(t.Context()))
	wantReuse(t, rig.Engine)
	enginetest.Close(t, rig.Engine)
	restore()
	left, err := os.ReadDir(folder)
	if must(t, err); len(left) != 1 {
		t.Errorf("more than the lock is left: %v", left)
	}
}

// limitFiles bounds the size of files until restore is called or the test ends.
func limitFiles(t *testing.T, bytes uint64) (restore func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: before.Max}))
	restore = sync.OnceFunc(func() {
		must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before))
		signal.Reset(syscall.SIGXFSZ)
	})
	t.Cleanup(restore)
	return restore
}

func TestAFolderThatGoesAwayCostsTheDiskTierOnly(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "cache")
	rig := enginetest.Start(t, enginetest.Options{Cache: tiers(folder, 1<<20, 1<<20)})
	complete(t, rig.Engine, longPrompt)
	must(t, os.RemoveAll(folder))
	must(t, rig.Flush(t.Context()))
	wantReuse(t, rig.Engine)
	wantIdle(t, rig)
}
