package models

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/kvcache"
)

// Prewarm has a prefix computed for all partitions and kept. Usage.Cached tells
// how much of it was there already, but for the last token.
func Prewarm(ctx context.Context, m Model, prefix []engine.Token) (engine.Usage, error) {
	streams, err := m.SubmitAll(ctx, []engine.Request{{ID: "prewarm", Partition: kvcache.Public, Prompt: prefix, MaxTokens: 1}})
	if err != nil {
		return engine.Usage{}, fmt.Errorf("prewarm: %w", err)
	}
	defer streams[0].Close()
	for {
		if _, err := streams[0].Recv(ctx); errors.Is(err, io.EOF) {
			return streams[0].Result().Usage, nil
		} else if err != nil {
			return engine.Usage{}, fmt.Errorf("prewarm: %w", err)
		}
	}
}
