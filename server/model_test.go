package server_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/chat"
	"github.com/moltbot/moltbot/engine/constrain"
	"github.com/moltbot/moltbot/engine/enginetest"
	"github.com/moltbot/moltbot/kvcache"
	"github.com/moltbot/moltbot/models"
)

// altered is a catalogue of one model with another behaviour than the toy's.
type altered struct {
	models.Model
	id       string
	submit   func(engine.Request) // called before each Submit
	template chat.Template
	grammars enginetest.Grammars
	vocab    engine.Vocab
}

func (m *altered) Get(id string) (models.Model, bool) { return m, id == m.Info().ID }
func (m *altered) List() []models.Model               { return []models.Model{m} }

func (m *altered) Info() models.Info {
	info := m.Model.Info()
	if m.id != "" {
		info.ID = m.id
	}
	return info
}

func (m *altered) Template() chat.Template {
	if m.template != nil {
		return m.template
	}
	return m.Model.Template()
}

func (m *altered) Vocab() engine.Vocab {
	if m.vocab != nil {
		return m.vocab
	}
	return m.Model.Vocab()
}

func (m *altered) Grammars() constrain.Compiler {
	if m.grammars != nil {
		return m.grammars
	}
	return m.Model.Grammars()
}

func (m *altered) SubmitAll(ctx context.Context, reqs []engine.Request) ([]*engine.Stream, error) {
	if m.submit != nil {
		for _, r := range reqs {
			m.submit(r)
		}
	}
	return m.Model.SubmitAll(ctx, reqs)
}

// with serves the toy with another behaviour.
func with(t *testing.T, m *altered, change func(*config)) *rig {
	t.Helper()
	r := start(t, func(c *config) {
		c.server.Catalogue = m
		if change != nil {
			change(c)
		}
	})
	m.Model = r.toy
	return r
}

func TestModelIDsMayHoldSlashes(t *testing.T) {
	r := with(t, &altered{id: "org/toy v1"}, nil)
	for _, path := range []string{"/v1/models/org/toy%20v1", "/v1/models/org%2Ftoy%20v1"} {
		if a := r.do("GET", path, ""); a.status != 200 || !strings.Contains(a.body, `"id":"org/toy v1"`) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

func TestKeysNeverSharePrefixes(t *testing.T) {
	var mu sync.Mutex
	var partitions []kvcache.Key
	m := &altered{submit: func(r engine.Request) {
		mu.Lock()
		defer mu.Unlock()
		partitions = append(partitions, r.Partition)
	}}
	r := with(t, m, func(c *config) { c.server.Keys = []string{"one", "two"} })
	for _, key := range []string{"one", "two", "one"} {
		if a := r.do("POST", chatPath, sayHi(`"max_tokens": 1`), "Authorization", "Bearer "+key); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if partitions[0] == "" || partitions[0] == partitions[1] || partitions[0] != partitions[2] {
		t.Errorf("partitions: %q", partitions)
	}
	if slices.Contains(partitions, "one") {
		t.Error("a key is its own partition's name")
	}
}

func TestRequestIDReachesTheEngine(t *testing.T) {
	var id string
	r := with(t, &altered{submit: func(r engine.Request) { id = r.ID }}, nil)
	r.do("POST", chatPath, sayHi(`"max_tokens": 1`), "X-Request-Id", "id-7")
	if id != "id-7" {
		t.Errorf("the engine knows it as %q", id)
	}
}

func TestPanicIs500InShapeAndTheStackIsLogged(t *testing.T) {
	for where, m := range map[string]*altered{
		"in the handler": {template: burning{}},
		"in Submit":      {submit: func(engine.Request) { panic("the model burns") }},
	} {
		t.Run(where, func(t *testing.T) {
			r := with(t, m, nil)
			r.post(chatPath, sayHi("")).wantError(t, 500, "server_error", "", "internal_error")
			r.until("the stack is logged", func() bool {
				return strings.Contains(r.log.String(), "burns") && strings.Contains(r.log.String(), "model_test.go")
			})
			r.idle()
		})
	}
}

func TestPanicAfterTheStreamBeganIsAnErrorEvent(t *testing.T) {
	r := with(t, &altered{template: smouldering{}}, nil)
	a := r.post(chatPath, sayHi(`"stream": true`))
	if a.status != 200 {
		t.Errorf("status %d", a.status)
	}
	a.wantStreamError(t)
	r.until("the stack is logged", func() bool { return strings.Contains(r.log.String(), "the parser burns") })
	r.idle()
}

// burning panics at once, smouldering once there is text.
type (
	burning     struct{}
	smouldering struct{}
)

func (burning) Render(chat.Conversation) (chat.Prompt, error) { panic("the template burns") }

func (smouldering) Render(chat.Conversation) (chat.Prompt, error) {
	return chat.Prompt{Text: "x", Parser: func() chat.Parser { return smouldering{} }}, nil
}

func (smouldering) Push(string) (chat.Delta, error) { panic("the parser burns") }
func (smouldering) Close() (chat.Delta, error)      { return chat.Delta{}, nil }
