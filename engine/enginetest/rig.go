package enginetest

import (
	"context"
	"testing"
	"time"

	"github.com/moltbot/moltbot/batching"
	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/chat"
	"github.com/moltbot/moltbot/engine/constrain"
	"github.com/moltbot/moltbot/models"
)

// Rig is a running engine over a toy. It is also a models.Model and a
// models.Catalogue of that one model, named "toy".
type Rig struct {
	*engine.Engine
	Toy *Toy
}

// Options shape a rig; zero fields take what suits most tests.
type Options struct {
	Shape   engine.Shape
	Context int
	Step    time.Duration
	Queue   int
	Cache   engine.Cache
	Costs   *batching.Costs
	Before  func(step int, rows []engine.Row) error
	Scores  func(row []float32, history []engine.Token)
	Wrap    func(*Toy) engine.Backend // puts faults between engine and toy
	Draft   *engine.Draft
}

func (o Options) withDefaults() Options {
	set := func(n *int, v int) {
		if *n == 0 {
			*n = v
		}
	}
	set(&o.Shape.Cells, 4096)
	set(&o.Shape.Seqs, 8)
	set(&o.Shape.Rows, 64)
	set(&o.Queue, 64)
	return o
}

// Start runs an engine until the test ends.
func Start(t testing.TB, o Options) *Rig {
	t.Helper()
	o = o.withDefaults()
	toy := NewToy(t, o.Shape)
	toy.Before, toy.Scores = o.Before, o.Scores
	var backend engine.Backend = toy
	if o.Wrap != nil {
		backend = o.Wrap(toy)
	}
	e, err := engine.New(backend, Vocab{}, engine.Config{
		Context: o.Context, Costs: o.Costs, Limits: engine.Limits{Step: o.Step, Queue: o.Queue}, Cache: o.Cache, Draft: o.Draft,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Close(t, e) })
	return &Rig{Engine: e, Toy: toy}
}

// Close ends an engine, at once if a request still runs.
func Close(t testing.TB, e *engine.Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	e.Close(ctx)
}

// Info implements models.Model.
func (r *Rig) Info() models.Info {
	return models.Info{ID: "toy", Created: time.Unix(1700000000, 0), ContextLength: r.Context(), Size: 1, State: "ready"}
}

// Vocab implements models.Model.
func (r *Rig) Vocab() engine.Vocab { return Vocab{} }

// Template implements models.Model.
func (r *Rig) Template() chat.Template { return chat.Generic{Template: Template{}} }

// Grammars implements models.Model; the toy can't follow any.
func (r *Rig) Grammars() constrain.Compiler {
	return Grammars(func(constrain.Grammar) (constrain.Constraint, error) {
		return nil, &constrain.RefusedError{Reason: "the toy knows no grammars"}
	})
}

// Get implements models.Catalogue.
func (r *Rig) Get(id string) (models.Model, bool) { return r, id == "toy" }

// List implements models.Catalogue.
func (r *Rig) List() []models.Model { return []models.Model{r} }
