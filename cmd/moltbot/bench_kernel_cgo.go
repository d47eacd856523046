//go:build cgo

package main

import (
	"context"

	"github.com/moltbot/moltbot/engine/llama"
)

// openKernel loads the planned model.
func openKernel(ctx context.Context, p plan) (*kernelModel, error) {
	m, err := llama.Open(ctx, p.options())
	if err != nil {
		return nil, err
	}
	return &kernelModel{Backend: m.Backend, vocab: m.Vocab, close: m.Template.Close}, nil
}
