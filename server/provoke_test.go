package server_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/enginetest"
	"github.com/moltbot/moltbot/models"
	"github.com/moltbot/moltbot/server/openai"
	"github.com/moltbot/moltbot/server/openapi/openapitest"
)

// provoked is a request that has to be answered with a status.
type provoked struct {
	change  func(*config) // of the server that is asked
	body    string        // instead of the usual one
	path    string        // the parameters of the path, filled in
	more    string        // fields of the request that makes what the path names
	headers []string
	send    func(*rig, openapitest.Operation) answer // instead of the usual way
}

// TestEachDescribedStatusIsAnswered provokes all that the description promises,
// from every operation. That nothing else is answered all other tests see to.
func TestEachDescribedStatusIsAnswered(t *testing.T) {
	for _, o := range description(t).Operations() {
		for _, status := range o.Statuses {
			t.Run(o.Method+" "+o.Path+" "+status, func(t *testing.T) {
				p := provoke(t, o, status)
				r := start(t, func(c *config) {
					c.server.Embedders = enginetest.StartEmbedders(t, 4, nil)
					keeping(t, p.change)(c)
				})
				if a := p.ask(r, o); fmt.Sprint(a.status) != status {
					t.Errorf("it answered %d %s", a.status, a.body)
				}
			})
		}
	}
}

// usual are bodies that are answered with 200.
var usual = map[string]string{
	chatPath:                       sayHi(`"max_tokens": 2`),
	"/v1/completions":              `{"model": "toy", "prompt": "a", "max_tokens": 2}`,
	responsesPath:                  respond(`"max_output_tokens": 2`),
	messagesPath:                   `{"model": "toy", "max_tokens": 2, "messages": [{"role": "user", "content": "hi"}]}`,
	messagesPath + "/count_tokens": `{"model": "toy", "messages": [{"role": "user", "content": "hi"}]}`,
	embedPath:                      `{"model": "toy-embed", "input": "a"}`,
	rerankPath:                     `{"model": "toy-rank", "query": "q", "documents": ["a"]}`,
	"/v2/rerank":                   `{"model": "toy-rank", "query": "q", "documents": ["a"]}`,
	"/rerank":                      `{"model": "toy-rank", "query": "q", "documents": ["a"]}`,
	chatPath + "/{id}":             `{"metadata": {"a": "b"}}`,
	"/tokenize":                    `{"model": "toy", "content": "a"}`,
	"/detokenize":                  `{"model": "toy", "tokens": [97]}`,
	"/apply-template":              `{"model": "toy", "messages": [{"role": "user", "content": "hi"}]}`,
}

func provoke(t *testing.T, o openapitest.Operation, status string) provoked {
	t.Helper()
	p := provoked{body: usual[o.Path]}
	switch status {
	case "200":
		p.more = map[string]string{responsesPath + "/{id}/cancel": `, "background": true`}[o.Path]
	case "400":
		p.path = map[string]string{"GET": "?stream=true&order=odd"}[o.Method]
		p.body = "["
	case "401":
		p.change = func(c *config) { c.server.Keys = []string{"k"} }
	case "404":
		p.send = askForNobody
	case "408":
		p.change = func(c *config) { c.server.ReadTimeout = 20 * time.Millisecond }
		p.send = stall
	case "413":
		p.change = func(c *config) { c.server.BodyLimit = 1 }
	case "415":
		p.headers = []string{"Content-Type", "text/plain"}
	case "429":
		p.change = func(c *config) {
			c.server.Catalogue, c.server.Embedders = busyCatalogue{enginetest.Start(t, enginetest.Options{})}, busyEmbedders{c.server.Embedders}
		}
	case "500":
		p.change = func(c *config) {
			c.server.Catalogue, c.server.Embedders, c.server.Responses = broken{}, brokenEmbedders{}, brokenStore{}
			if o.Path == "/ready" {
				c.server.Ready = func() error { panic("broken") }
			}
		}
	case "503":
		p.send = afterTheEnd
	default:
		t.Fatalf("no test provokes the status %s", status)
	}
	return p
}

// ask sends what provokes the answer. A path that names a response names one that is kept.
func (p provoked) ask(r *rig, o openapitest.Operation) answer {
	r.t.Helper()
	if p.send != nil {
		return p.send(r, o)
	}
	path := strings.Replace(o.Path, "{model}", "toy", 1)
	if before, after, ok := strings.Cut(path, "{id}"); ok {
		path = before + p.id(r, o) + after
	}
	return r.do(o.Method, path+p.path, p.body, p.headers...)
}

// id names what is kept, or what would be on a server that was changed.
func (p provoked) id(r *rig, o openapitest.Operation) string {
	r.t.Helper()
	chat := strings.HasPrefix(o.Path, chatPath)
	switch {
	case p.change == nil && chat:
		_, rest, _ := strings.Cut(r.post(chatPath, sayHi(`"max_tokens": 2, "store": true`)).body, `"id":"`)
		id, _, _ := strings.Cut(rest, `"`)
		return id
	case p.change == nil:
		return r.responded(respond(`"max_output_tokens": 2` + p.more)).ID
	case chat:
		return "chatcmpl-1"
	}
	return "resp_1"
}

// askForNobody asks for a model or a response that isn't there.
func askForNobody(r *rig, o openapitest.Operation) answer {
	body := strings.NewReplacer(`"toy"`, `"nobody"`, `"toy-embed"`, `"nobody"`, `"toy-rank"`, `"nobody"`).Replace(usual[o.Path])
	return r.do(o.Method, strings.NewReplacer("{model}", "no/body", "{id}", "nobody").Replace(o.Path), body)
}

// stall sends a body that never comes to its end.
func stall(r *rig, o openapitest.Operation) answer {
	body, end := io.Pipe()
	defer end.Close()
	req, err := http.NewRequest(o.Method, r.url+o.Path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	res, err := r.http.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(b)}
}

// afterTheEnd asks a server that has shut down: its handler still answers.
func afterTheEnd(r *rig, o openapitest.Operation) answer {
	if err := r.server.Shutdown(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	r.http.Transport = watched(r.t, inside{r.server.Handler()})
	return provoked{path: "", body: usual[o.Path], change: func(*config) {}}.ask(r, o)
}

// inside is a transport without a network.
type inside struct{ http.Handler }

func (h inside) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	r.RequestURI = r.URL.RequestURI()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

// busyCatalogue holds a model whose queue is full.
type busyCatalogue struct{ models.Catalogue }

func (c busyCatalogue) Get(id string) (models.Model, bool) {
	m, ok := c.Catalogue.Get(id)
	return busyModel{m}, ok
}

type busyModel struct{ models.Model }

func (busyModel) SubmitAll(context.Context, []engine.Request) ([]*engine.Stream, error) {
	return nil, &engine.BusyError{}
}

// busyEmbedders are those with full queues.
type busyEmbedders struct{ models.Embedders }

func (e busyEmbedders) GetEmbedder(id string) (models.Embedder, bool) {
	m, ok := e.Embedders.GetEmbedder(id)
	if r, ranks := m.(models.Reranker); ranks {
		return busyReranker{r}, ok
	}
	return busyEmbedder{m}, ok
}

type busyEmbedder struct{ models.Embedder }

func (busyEmbedder) Embed(context.Context, [][]engine.Token) ([][]float32, error) {
	return nil, &engine.BusyError{}
}

type busyReranker struct{ models.Reranker }

func (busyReranker) Score(context.Context, [][]engine.Token) ([]float64, error) {
	return nil, &engine.BusyError{}
}

// broken is a catalogue that fails as nothing should.
type broken struct{}

func (broken) Get(string) (models.Model, bool) { panic("broken") }
func (broken) List() []models.Model            { panic("broken") }

type brokenEmbedders struct{}

func (brokenEmbedders) GetEmbedder(string) (models.Embedder, bool) { panic("broken") }
func (brokenEmbedders) ListEmbedders() []models.Embedder           { panic("broken") }

// brokenStore is a store without a ground: whatever it is asked for fails.
type brokenStore struct{ openai.ResponseStore }
