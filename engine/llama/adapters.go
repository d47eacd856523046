//go:build cgo

package llama

import (
	"fmt"

	cllama "github.com/moltbot/moltbot/cgo/llama"
)

// Adapter is a LoRA adapter that requests may name.
type Adapter struct {
	ID    string // what engine.Request.Adapter says
	Path  string // of its GGUF file
	Scale float64
}

// adapter is one that is loaded; the zero value is none.
type adapter struct {
	c     *cllama.Adapter
	scale float32
}

// loadAdapters reads the adapters, which must be done before there is a context.
func loadAdapters(m *cllama.Model, list []Adapter) (map[string]adapter, error) {
	all := map[string]adapter{"": {}}
	for _, a := range list {
		c, err := m.LoadAdapter(a.Path)
		if err != nil {
			return nil, err
		}
		all[a.ID] = adapter{c: c, scale: float32(a.Scale)}
	}
	return all, nil
}

// SetAdapter implements engine.Adapting.
func (b *backend) SetAdapter(id string) error {
	a, ok := b.adapters[id]
	if !ok {
		return fmt.Errorf("llama: no adapter %q is loaded", id)
	}
	return b.ctx.SetAdapter(a.c, a.scale)
}
