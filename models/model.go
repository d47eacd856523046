// Package models knows which models there are and where their files lie.
package models

import (
	"context"
	"time"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/chat"
	"github.com/moltbot/moltbot/engine/constrain"
)

// Info describes a model on the wire.
type Info struct {
	ID            string
	Parent        string    // the model that this one is an adapter of; ""
	Created       time.Time // of the file
	ContextLength int       // tokens of one request, prompt and answer
	Size          int64     // bytes of the file
	State         string    // "ready"
}

// Model is one model behind a name: what handlers ask of it.
type Model interface {
	Info() Info
	Vocab() engine.Vocab
	Template() chat.Template
	Grammars() constrain.Compiler
	SubmitAll(context.Context, []engine.Request) ([]*engine.Stream, error) // all or none, in their order
}

// Loader is a Model that can tell what it is busy with.
type Loader interface {
	Load() engine.Load
}

// Catalogue finds a model by its name on the wire.
type Catalogue interface {
	Get(id string) (Model, bool)
	List() []Model
}
