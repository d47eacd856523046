package blobs

import (
	"context"
	"fmt"

	"github.com/moltbot/moltbot/kvcache"
)

// Spill begins to write a RAM blob to a file, from which Open can tell e and
// whole again. The bytes stay readable. How it ends is told to who asked by Notify.
func (s *Store) Spill(id kvcache.BlobID, e kvcache.Entry, whole kvcache.Pos) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takeBack()
	b := s.blobs[id]
	err := s.refuses(b)
	if err == nil {
		b.writing = true
		s.queue = append(s.queue, &spill{blob: b, entry: e, whole: whole})
		s.wake.Signal()
		return
	}
	go s.notify(Spilled{id, fmt.Errorf("blobs: spill blob %d: %w", id, err)}) // the caller's goroutine may be who listens
}

func (s *Store) refuses(b *blob) error {
	switch {
	case s.folder == nil:
		return ErrNoFolder
	case s.closing:
		return errClosed
	case b == nil:
		return ErrLost
	case b.writing || b.ram == nil:
		return errSpilled
	}
	return nil
}

// write is the goroutine that spills, one blob at a time, until the store is closed.
func (s *Store) write() {
	defer close(s.ended)
	defer s.folder.close()
	for {
		job := s.nextSpill()
		if job == nil {
			return
		}
		f, err := s.folder.write(job, s.hurried)
		if tell := s.spilled(job.blob, f, err); tell != nil {
			tell(Spilled{job.blob.id, err})
		}
	}
}

// nextSpill waits for work; nil: there will be none.
func (s *Store) nextSpill() *spill {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) == 0 && !s.closing {
		s.wake.Wait()
	}
	if len(s.queue) == 0 {
		return nil
	}
	job := s.queue[0]
	s.queue = s.queue[1:]
	return job
}

// spilled moves a blob to its file and returns who is to hear of it; nil: it was forgotten meanwhile.
func (s *Store) spilled(b *blob, f file, err error) func(Spilled) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.writing = false
	switch {
	case b.gone:
		if err == nil {
			s.folder.remove(f)
		}
		s.release(b)
		return nil
	case err != nil: // it stays in RAM
	case s.lent == b:
		b.file, b.retired = f, true
	default:
		b.file = f
		s.release(b)
	}
	return s.notify
}

// hurried tells the writer to give up.
func (s *Store) hurried(b *blob) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hurry || b.gone
}

// Close waits for the spills that were begun until ctx ends, then gives up the
// rest, and frees all RAM. Files stay. The error says that spills were given up.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	s.wake.Signal()
	s.mu.Unlock()
	select {
	case <-s.ended:
		s.freeAll()
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	s.hurry = true
	s.mu.Unlock()
	go func() { // a disk that hangs must not hold up the shutdown
		<-s.ended
		s.freeAll()
	}()
	return fmt.Errorf("blobs: prefixes were not all written to disk: %w", ctx.Err())
}

func (s *Store) freeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takeBack()
	for id, b := range s.blobs {
		s.release(b)
		delete(s.blobs, id)
	}
	s.arena.close()
}
