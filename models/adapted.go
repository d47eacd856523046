package models

import (
	"context"
	"slices"

	"github.com/moltbot/moltbot/engine"
)

// Adapted is a model under another name, whose answers go through a LoRA adapter.
type Adapted struct {
	Model
	info    Info
	adapter string
}

// NewAdapted puts a name on a model with one of its adapters; adapter is what
// engine.Request.Adapter says.
func NewAdapted(base Model, info Info, adapter string) *Adapted {
	info.ContextLength = base.Info().ContextLength
	return &Adapted{Model: base, info: info, adapter: adapter}
}

// Info implements Model.
func (a *Adapted) Info() Info { return a.info }

// SubmitAll implements Model.
func (a *Adapted) SubmitAll(ctx context.Context, reqs []engine.Request) ([]*engine.Stream, error) {
	reqs = slices.Clone(reqs)
	for i := range reqs {
		reqs[i].Adapter = a.adapter
	}
	return a.Model.SubmitAll(ctx, reqs)
}
