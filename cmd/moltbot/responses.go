package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/internal/config"
	"github.com/moltbot/moltbot/server/openai"
	"github.com/moltbot/moltbot/server/openai/responsestore"
)

// kept is the store of responses, if this process has it.
type kept struct{ store *responsestore.Store }

// openResponses opens the store in the data folder. Two servers may share that
// folder; the second then keeps no responses and says so.
func openResponses(cfg config.Config, log zerolog.Logger) (kept, error) {
	dir := filepath.Join(string(cfg.DataDir), "responses")
	store, err := responsestore.Open(dir, time.Duration(cfg.Responses.TTL), log)
	if errors.Is(err, responsestore.ErrLocked) {
		log.Warn().Msgf("another moltbot keeps its responses in %s: this one keeps none; give it a folder of its own with --data", dir)
		return kept{}, nil
	}
	if err != nil {
		return kept{}, fmt.Errorf("%w; choose another folder with --data", err)
	}
	return kept{store}, nil
}

// orNone returns the store as the handlers take it; nil: there is none.
func (k kept) orNone() openai.ResponseStore {
	if k.store == nil {
		return nil
	}
	return k.store
}

func (k kept) close() error {
	if k.store == nil {
		return nil
	}
	return k.store.Close()
}
