package engine

import (
	"fmt"

	"github.com/moltbot/moltbot/batching"
)

// Adapting is a Backend that has LoRA adapters. One is applied to a whole step.
type Adapting interface {
	// SetAdapter applies an adapter to the Decodes that follow; "": none. Its error leaves the one before.
	SetAdapter(id string) error
}

// adapt applies the adapter of a step, which batching plans for one alone.
func (e *Engine) adapt(plan batching.Plan) error {
	id := e.live[plan[0].ID].stream.request.Adapter
	if id == e.adapter {
		return nil
	}
	b, ok := e.backend.(Adapting)
	if !ok {
		return fmt.Errorf("engine: the backend has no adapter %q", id)
	}
	if err := b.SetAdapter(id); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	e.adapter = id
	return nil
}
