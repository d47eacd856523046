package run

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/moltbot/moltbot/bench/load"
)

// reachTimeout bounds the first word with a server.
const reachTimeout = 10 * time.Second

// BaseURL takes a URL with or without /v1.
func BaseURL(url string) string {
	return strings.TrimSuffix(strings.TrimRight(url, "/"), "/v1")
}

// resolve reaches a target and fills in the name of its model.
func (r *runner) resolve(ctx context.Context, t int) error {
	target := &r.Targets[t]
	models, err := listModels(ctx, target.Target)
	if err != nil {
		return fmt.Errorf("can't reach %s: %w", target.Name, err)
	}
	if target.Model == "" {
		if len(models) == 0 {
			return fmt.Errorf("%s at %s lists no model; name one", target.Name, target.URL)
		}
		target.Model = models[0]
	}
	return nil
}

// healthy tells whether a target that starts takes requests: it answers a short
// one. What servers say of their health while they load is not the same everywhere.
func (r *runner) healthy(ctx context.Context, t int) error {
	if err := r.resolve(ctx, t); err != nil {
		return err
	}
	hello := load.Turn{Add: []load.Message{{Role: "user", Content: "Hello"}}, Tokens: 1}
	once := load.Stream{
		Session: func(int) load.Session { return load.Session{Turns: []load.Turn{hello}} },
		Count:   1, Clients: 1,
	}
	client := load.NewClient(r.Targets[t].Target, r.Timeout, load.NewTransport())
	defer client.Close()
	records, _, err := client.Run(ctx, load.Phase{Streams: []load.Stream{once}}, nil)
	if err != nil {
		return err
	}
	if said := records[0]; said.Failed() && said.Kind != load.Empty {
		return fmt.Errorf("a first request: %s", said.Detail)
	}
	return nil
}

// listModels asks a server which models it has.
func listModels(ctx context.Context, t load.Target) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	res, err := get(ctx, t, "/v1/models")
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", res.Request.URL, res.Status)
	}
	var list struct{ Data []struct{ ID string } }
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		return nil, fmt.Errorf("GET %s: %w", res.Request.URL, err)
	}
	ids := make([]string, len(list.Data))
	for i, m := range list.Data {
		ids[i] = m.ID
	}
	return ids, nil
}

// get asks over a connection that is used once.
func get(ctx context.Context, t load.Target, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.URL+path, nil)
	if err != nil {
		return nil, err
	}
	if t.Key != "" {
		req.Header.Set("Authorization", "Bearer "+t.Key)
	}
	transport := load.NewTransport()
	transport.DisableKeepAlives = true
	res, err := transport.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", req.URL, err)
	}
	return res, nil
}
