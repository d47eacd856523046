package engine

import (
	"errors"
	"fmt"

	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/engine/blobs"
	"github.com/moltbot/moltbot/kvcache"
)

// cells does what the cache decides: it is the engine's kvcache.Memory.
type cells struct {
	backend Backend
	blobs   *blobs.Store
	whole   map[kvcache.BlobID]Pos // of those in RAM, for their files
	log     zerolog.Logger
}

// Fork implements kvcache.Memory.
func (c cells) Fork(src, dst SeqID, n Pos) { c.backend.Fork(src, dst, n) }

// Truncate implements kvcache.Memory.
func (c cells) Truncate(seq SeqID, n Pos) {
	if !c.backend.Remove(seq, n) {
		panic("engine: the backend refuses to truncate what it said it can resume")
	}
}

// Reaches implements kvcache.Memory.
func (c cells) Reaches(seq SeqID, n Pos) bool { return c.backend.CanResume(seq, n) }

// Save implements kvcache.Memory.
func (c cells) Save(seq SeqID, from, to Pos) (kvcache.Blob, error) {
	var whole Pos
	id, size, err := c.blobs.New(c.backend.SaveSize(seq, from, to), func(b []byte) (n int, err error) {
		n, whole, err = c.backend.Save(b, seq, from, to)
		return n, err
	})
	if err != nil {
		return kvcache.Blob{}, fmt.Errorf("engine: save tokens %d to %d: %w", from, to, err)
	}
	c.whole[id] = whole
	return kvcache.Blob{ID: id, Bytes: size, Whole: whole}, nil
}

// Load implements kvcache.Memory. Where it fails the tokens are computed, so only
// the log tells of it. An error that may pass leaves the blob.
func (c cells) Load(id kvcache.BlobID, seq SeqID, from, to Pos) error {
	b, err := c.blobs.Bytes(id)
	if errors.Is(err, blobs.ErrLost) {
		err = fmt.Errorf("%w: %w", kvcache.ErrLost, err)
	}
	if err == nil {
		err = c.backend.Load(b, seq, from, to)
	}
	if err != nil && !errors.Is(err, kvcache.ErrNoCells) {
		c.log.Warn().Err(err).Msg("a kept prefix can't be read; it is computed")
	}
	return err
}

// Spill implements kvcache.Memory.
func (c cells) Spill(id kvcache.BlobID, e kvcache.Entry) { c.blobs.Spill(id, e, c.whole[id]) }

// Forget implements kvcache.Memory.
func (c cells) Forget(id kvcache.BlobID) {
	delete(c.whole, id)
	c.blobs.Forget(id)
}
