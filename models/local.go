package models

import (
	"context"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/chat"
	"github.com/moltbot/moltbot/engine/constrain"
)

// Local is a model that an engine of this process runs.
type Local struct {
	info     Info
	engine   *engine.Engine
	vocab    engine.Vocab
	template chat.Template
	grammars constrain.Compiler
}

// NewLocal puts a name on a running engine.
func NewLocal(info Info, e *engine.Engine, v engine.Vocab, t chat.Template, g constrain.Compiler) *Local {
	info.ContextLength = e.Context()
	return &Local{info: info, engine: e, vocab: v, template: t, grammars: g}
}

// Info implements Model.
func (l *Local) Info() Info { return l.info }

// Vocab implements Model.
func (l *Local) Vocab() engine.Vocab { return l.vocab }

// Template implements Model.
func (l *Local) Template() chat.Template { return l.template }

// Grammars implements Model.
func (l *Local) Grammars() constrain.Compiler { return l.grammars }

// SubmitAll implements Model.
func (l *Local) SubmitAll(ctx context.Context, reqs []engine.Request) ([]*engine.Stream, error) {
	return l.engine.SubmitAll(ctx, reqs)
}

// Load implements Loader.
func (l *Local) Load() engine.Load { return l.engine.Load() }

// Engine returns what runs it, for its end.
func (l *Local) Engine() *engine.Engine { return l.engine }
