package engine

import (
	"context"
	"errors"
	"time"

	"github.com/moltbot/moltbot/engine/blobs"
	"github.com/moltbot/moltbot/kvcache"
)

// openCache starts the cache with what the last run left on disk. A folder that
// can't be used costs the disk tier, not the start.
func (e *Engine) openCache() error {
	e.cells = cells{backend: e.backend, log: e.log}
	if e.shape.States {
		e.cache = kvcache.NewNaive(e.size(), e.cells)
		return nil
	}
	if err := e.openBlobs(); err != nil {
		return err
	}
	e.cells.blobs, e.cells.whole = e.blobs, map[kvcache.BlobID]Pos{}
	e.cache = kvcache.NewRadix(e.size(), e.cells)
	e.blobs.Notify(func(s blobs.Spilled) { e.inbox.put(event{spilled: &s}) })
	e.adopt(e.blobs.Found())
	return nil
}

func (e *Engine) openBlobs() (err error) {
	cfg := blobs.Config{Folder: e.cfg.Cache.Folder, Identity: e.backend.Identity()}
	if e.cfg.Cache.Disk == 0 {
		cfg.Folder = ""
	}
	if e.blobs, err = blobs.Open(cfg); err == nil || cfg.Folder == "" {
		return err
	}
	e.log.Warn().Err(err).Msg("prefixes are kept in memory alone")
	e.cfg.Cache.Disk = 0
	e.blobs, err = blobs.Open(blobs.Config{})
	return err
}

func (e *Engine) size() kvcache.Size {
	return kvcache.Size{
		Seqs: e.shape.Seqs, Cells: e.shape.Cells, Window: e.shape.Window, CellBytes: e.shape.CellBytes,
		RAM: e.cfg.Cache.RAM, Disk: e.cfg.Cache.Disk,
	}
}

// adopt takes over what an earlier run left.
func (e *Engine) adopt(found []blobs.Found) {
	kept := 0
	for _, f := range found {
		if e.cache.Adopt(f.Entry, f.Blob) {
			kept++
		} else {
			e.blobs.Forget(f.Blob.ID)
		}
	}
	if len(found) > 0 {
		e.log.Info().Int("kept", kept).Int("found", len(found)).Msg("prefixes of the last run")
	}
}

// spilled passes on how a blob's way to disk ended.
func (e *Engine) spilled(s blobs.Spilled) {
	if s.Err != nil {
		e.log.Warn().Err(s.Err).Msg("a prefix was not written to disk")
	}
	e.cache.Spilled(s.ID, s.Err)
}

// Flush begins to write the most useful prefixes to disk, as far as the budget
// goes, and returns when it is begun.
func (e *Engine) Flush(ctx context.Context) error {
	begun := make(chan struct{})
	if !e.inbox.put(event{flush: begun}) {
		return ErrClosed
	}
	select {
	case <-begun:
		return nil
	case <-e.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// flushed is how long a shutdown waits for prefixes to reach the disk.
const flushed = 10 * time.Second

// closeCache writes the most useful prefixes to disk for the next run.
func (e *Engine) closeCache() {
	if e.blobs == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushed)
	defer cancel()
	if e.failure == nil {
		e.cache.Flush()
	}
	if err := e.blobs.Close(ctx); err != nil && !errors.Is(err, context.Canceled) {
		e.log.Warn().Err(err).Msg("the next start is colder")
	}
}
