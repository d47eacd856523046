// Package responsestore keeps answers of the OpenAI API on disk, in Badger.
//
// Owns: the keys, the time that a document lives, the folder and its lock.
// Must not import: anything of Moltbot; a document is bytes.
// Flow: cmd/moltbot opens the store once and closes it last; server/openai puts a
// document per finished answer and reads it when a client names it again.
package responsestore

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/rs/zerolog"
)

// ErrLocked says that another process has the folder open.
var ErrLocked = errors.New("another process has it open")

// ErrClosed says that the store was closed.
var ErrClosed = errors.New("the store of responses is closed")

// gcEvery is how often the value log is looked through for what may go.
const gcEvery = 10 * time.Minute

// Store keeps documents per tenant until they are deleted or their time is up;
// safe for concurrent use.
type Store struct {
	db   *badger.DB
	ttl  time.Duration
	log  zerolog.Logger
	done chan struct{}
	gc   sync.WaitGroup

	mu     sync.RWMutex // held for writing by Close alone
	closed bool
}

// Open opens the store in a folder, which it makes if there is none; it may be
// read by this user alone. ttl is how long a document lives. Errors: ErrLocked,
// or why the folder can't be used.
func Open(dir string, ttl time.Duration, log zerolog.Logger) (*Store, error) {
	log = log.With().Str("from", "badger").Logger()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder for responses: %w", err)
	}
	db, err := badger.Open(options(dir, log))
	if err != nil && strings.Contains(err.Error(), "Cannot acquire directory lock") { // badger has no sentinel for it
		return nil, fmt.Errorf("opening the responses in %s: %w", dir, ErrLocked)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the responses in %s: %w", dir, err)
	}
	s := &Store{db: db, ttl: ttl, log: log, done: make(chan struct{})}
	s.gc.Go(s.collect)
	return s, nil
}

// options are Badger's for a few small documents now and then: little memory
// rather than speed. Documents above the threshold live in the value log, so that
// only its file size bounds them.
func options(dir string, log zerolog.Logger) badger.Options {
	return badger.DefaultOptions(dir).
		WithLogger(logger{log}).
		WithMetricsEnabled(false).
		WithMemTableSize(8 << 20).
		WithNumMemtables(2).
		WithNumCompactors(2).
		WithBlockCacheSize(8 << 20).
		WithValueThreshold(64 << 10).
		WithValueLogFileSize(256 << 20)
}

// Put keeps a document under an id of one tenant.
func (s *Store) Put(tenant, id string, doc []byte) error {
	err := s.open(func() error {
		return s.db.Update(func(tx *badger.Txn) error {
			return tx.SetEntry(badger.NewEntry(key(tenant, id), doc).WithTTL(s.ttl))
		})
	})
	if err != nil {
		return fmt.Errorf("keeping a response: %w", err)
	}
	return nil
}

// Get returns a document; ok is false when the tenant has none of that id.
func (s *Store) Get(tenant, id string) (doc []byte, ok bool, err error) {
	err = s.open(func() error {
		return s.db.View(func(tx *badger.Txn) error {
			found, err := tx.Get(key(tenant, id))
			if err != nil {
				return err
			}
			doc, err = found.ValueCopy(nil)
			return err
		})
	})
	if ok, err = present(err); err != nil {
		return nil, false, fmt.Errorf("reading a response: %w", err)
	}
	return doc, ok, nil
}

// List visits the documents of one tenant whose ids begin with prefix, in the order
// of their ids or, with back, against it; only those behind the id after, unless
// that is "". It ends when visit returns false.
func (s *Store) List(tenant, prefix, after string, back bool, visit func(id string, doc []byte) bool) error {
	err := s.open(func() error {
		return s.db.View(func(tx *badger.Txn) error { return walk(tx, key(tenant, ""), prefix, after, back, visit) })
	})
	if err != nil {
		return fmt.Errorf("listing responses: %w", err)
	}
	return nil
}

func walk(tx *badger.Txn, tenant []byte, prefix, after string, back bool, visit func(string, []byte) bool) error {
	o := badger.DefaultIteratorOptions
	o.Prefix, o.Reverse = append(slices.Clip(tenant), prefix...), back
	it := tx.NewIterator(o)
	defer it.Close()
	for it.Seek(from(o, tenant, after)); it.Valid(); it.Next() {
		id := string(it.Item().Key()[len(tenant):])
		if id == after {
			continue
		}
		doc, err := it.Item().ValueCopy(nil)
		if err != nil {
			return err
		}
		if !visit(id, doc) {
			return nil
		}
	}
	return nil
}

// from is the key that a walk begins at.
func from(o badger.IteratorOptions, tenant []byte, after string) []byte {
	switch {
	case after != "":
		return append(slices.Clip(tenant), after...)
	case o.Reverse:
		return append(slices.Clip(o.Prefix), 0xFF) // behind all ids, which are text
	}
	return o.Prefix
}

// Delete removes a document; ok is false when the tenant has none of that id.
func (s *Store) Delete(tenant, id string) (ok bool, err error) {
	err = s.open(func() error {
		return s.db.Update(func(tx *badger.Txn) error {
			if _, err := tx.Get(key(tenant, id)); err != nil {
				return err
			}
			return tx.Delete(key(tenant, id))
		})
	})
	if ok, err = present(err); err != nil {
		return false, fmt.Errorf("deleting a response: %w", err)
	}
	return ok, nil
}

// Close waits for what is under way and closes the store. A second call does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.done)
	s.gc.Wait()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("closing the store of responses: %w", err)
	}
	return nil
}

// open runs f while the store can't be closed.
func (s *Store) open(f func() error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return ErrClosed
	}
	return f()
}

// collect frees the parts of the value log that hold nothing any more.
func (s *Store) collect() {
	tick := time.NewTicker(gcEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
			s.rewrite()
		}
	}
}

// rewrite rewrites the log file that is worth it the most, until none is: half
// of one must be garbage.
func (s *Store) rewrite() {
	const garbage = 0.5
	for {
		switch err := s.db.RunValueLogGC(garbage); {
		case errors.Is(err, badger.ErrNoRewrite), errors.Is(err, badger.ErrRejected):
			return
		case err != nil:
			s.log.Warn().Err(err).Msg("freeing space of old responses")
			return
		}
	}
}

// present tells what Badger's error says of a key.
func present(err error) (bool, error) {
	if errors.Is(err, badger.ErrKeyNotFound) {
		return false, nil
	}
	return err == nil, err
}

// key begins with the tenant, which holds no slash: no id reaches into another's.
func key(tenant, id string) []byte { return []byte("response/" + tenant + "/" + id) }
