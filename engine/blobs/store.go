// Package blobs keeps the states of computed prefixes outside of the context:
// in RAM, and on disk over restarts.
//
// Owns: memory outside of Go's heap, a folder of files with their format, the
// goroutine that writes them.
// Must not import: engine, cgo; it knows no more of a blob than its bytes and,
// for its file's header, where in the tree of prefixes it belongs.
// Flow: after Open, Found tells what an earlier run left. The engine's goroutine calls New,
// Bytes, Spill and Forget as kvcache decides; a spill ends in the background
// and is told to who asked by Notify; Close waits for them.
package blobs

import (
	"errors"
	"fmt"
	"sync"

	"github.com/moltbot/moltbot/kvcache"
)

var (
	// ErrLost says that a blob is broken or gone; what was left of it is removed.
	ErrLost = errors.New("the blob is lost")
	// ErrLocked says that another process uses the folder.
	ErrLocked = errors.New("the folder is used by another process")
	// ErrNoFolder says that a blob can't be spilled, for there is no disk tier.
	ErrNoFolder = errors.New("no folder for blobs")
	errClosed   = errors.New("closed")
	errSpilled  = errors.New("it is spilled already")
)

// Config says where blobs go.
type Config struct {
	// Folder holds the files; made where it is missing. "": RAM only.
	Folder string
	// Identity names all that a blob's bytes depend on: the model, the library,
	// the number formats. Files of another identity are removed by Open.
	Identity []byte
}

// Spilled tells how a spill ended: without an error the file is durable and the RAM free.
type Spilled struct {
	ID  kvcache.BlobID
	Err error
}

// Found is a blob that an earlier run left on disk.
type Found struct {
	Entry kvcache.Entry
	Blob  kvcache.Blob
}

// Store is safe for concurrent use, but for what Bytes says of its answer.
type Store struct {
	folder *folder // nil: RAM only
	found  []Found

	mu      sync.Mutex
	wake    *sync.Cond // the writer waits for work or for the end
	arena   arena
	blobs   map[kvcache.BlobID]*blob
	next    kvcache.BlobID
	queue   []*spill
	lent    *blob  // whose RAM the last Bytes gave away
	read    []byte // what the last Bytes read from a file
	notify  func(Spilled)
	closing bool // no new work
	hurry   bool // and what is left is given up
	ended   chan struct{}
}

// blob lies in RAM, in a file, or, while it is spilled, still in RAM.
type blob struct {
	id      kvcache.BlobID
	ram     []byte // nil: on disk
	file    file
	writing bool // the writer reads ram
	gone    bool // forgotten while the writer reads ram
	retired bool // durable, but lent out: its RAM goes with the next call
}

type spill struct {
	blob  *blob
	entry kvcache.Entry
	whole kvcache.Pos
}

// Open reads the headers of what lies in the folder, no payloads. Temporary
// files, broken ones and those of other identities are removed, files of other
// names never touched. Errors: ErrLocked, and those of the file system.
func Open(cfg Config) (*Store, error) { return open(cfg, osDisk{}) }

func open(cfg Config, d disk) (*Store, error) {
	s := &Store{blobs: map[kvcache.BlobID]*blob{}, next: 1, ended: make(chan struct{}), notify: func(Spilled) {}}
	s.wake = sync.NewCond(&s.mu)
	if cfg.Folder == "" {
		close(s.ended)
		return s, nil
	}
	f, files, err := openFolder(d, cfg.Folder, cfg.Identity)
	if err != nil {
		return nil, fmt.Errorf("blobs: folder %s: %w", cfg.Folder, err)
	}
	s.folder = f
	for _, file := range files {
		s.found = append(s.found, file.found())
		file.entry = kvcache.Entry{} // the cache keeps it
		s.blobs[file.id] = &blob{id: file.id, file: file}
		s.next = max(s.next, file.id+1)
	}
	go s.write()
	return s, nil
}

// Found returns what Open found, parents before children: sorted by Entry.From.
// A second call returns nothing.
func (s *Store) Found() []Found {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.found
	s.found = nil
	return found
}

// Notify sets who hears how spills end, from the store's goroutine; not of blobs
// that were forgotten meanwhile. f must not call the store.
func (s *Store) Notify(f func(Spilled)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notify = f
}

// New makes a RAM blob of at most size bytes. fill gets so many and returns how
// many it used. It returns the blob's name and that number. After an error
// nothing is stored.
func (s *Store) New(size int, fill func([]byte) (int, error)) (kvcache.BlobID, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takeBack()
	ram, err := s.arena.take(size)
	if err != nil {
		return 0, 0, fmt.Errorf("blobs: %d bytes of memory: %w", size, err)
	}
	n, err := fill(ram)
	if err == nil && (n <= 0 || n > size) {
		err = fmt.Errorf("blobs: %d bytes of %d were used", n, size)
	}
	if err != nil {
		s.arena.give(ram)
		return 0, 0, err
	}
	b := &blob{id: s.next, ram: ram[:n]}
	s.blobs[b.id] = b
	s.next++
	return b.id, int64(n), nil
}

// Bytes returns a blob's content, to be read only, valid until the next call of
// any method. One on disk is read and checked. Errors: ErrLost, and those of
// the file system that may pass.
func (s *Store) Bytes(id kvcache.BlobID) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takeBack()
	b := s.blobs[id]
	if b == nil {
		return nil, fmt.Errorf("blobs: blob %d: %w", id, ErrLost)
	}
	if b.ram != nil {
		s.lent = b
		return b.ram, nil
	}
	return s.load(b)
}

// load reads the file of a blob into memory of the arena: a mapping of the file
// would end the process with SIGBUS when somebody truncates it.
func (s *Store) load(b *blob) ([]byte, error) {
	ram, err := s.arena.take(int(b.file.size))
	if err != nil {
		return nil, fmt.Errorf("blobs: %d bytes of memory: %w", b.file.size, err)
	}
	if err := s.folder.read(b.file, ram); err != nil {
		s.arena.give(ram)
		if errors.Is(err, ErrLost) {
			s.forget(b)
		}
		return nil, fmt.Errorf("blobs: blob %d: %w", b.id, err)
	}
	s.read = ram
	return ram, nil
}

// takeBack ends what the last Bytes lent.
func (s *Store) takeBack() {
	if s.read != nil {
		s.arena.give(s.read)
		s.read = nil
	}
	if b := s.lent; b != nil && b.retired {
		s.release(b)
	}
	s.lent = nil
}

// Forget frees a blob wherever it lies. An unknown name is fine.
func (s *Store) Forget(id kvcache.BlobID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takeBack()
	if b := s.blobs[id]; b != nil {
		s.forget(b)
	}
}

func (s *Store) forget(b *blob) {
	delete(s.blobs, b.id)
	b.gone = true
	if b.file.path != "" {
		s.folder.remove(b.file)
	}
	if !b.writing {
		s.release(b)
	}
}

// release frees the RAM of a blob.
func (s *Store) release(b *blob) {
	if b.ram != nil {
		s.arena.give(b.ram)
		b.ram = nil
	}
	b.retired = false
}
