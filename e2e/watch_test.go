package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/moltbot/moltbot/server/openapi/openapitest"
)

// watcher is the transport of all Go clients here: what a moltbot answers them is
// held against what it says of itself.
type watcher struct {
	plain http.RoundTripper

	mu      sync.Mutex
	servers map[string]http.RoundTripper // by host; others are not ours
	found   int                          // exchanges that are not as described
}

var watching = &watcher{plain: http.DefaultTransport, servers: map[string]http.RoundTripper{}}

func init() { http.DefaultTransport = watching }

// CloseIdleConnections is what http.Client calls.
func (w *watcher) CloseIdleConnections() { w.plain.(*http.Transport).CloseIdleConnections() }

func (w *watcher) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	to, ours := w.servers[r.URL.Host]
	w.mu.Unlock()
	if !ours {
		to = w.plain
	}
	return to.RoundTrip(r)
}

// watch reads what a server says of itself and begins to hold it to that.
func (w *watcher) watch(s *server) error {
	document, err := s.get("/openapi.json")
	if err != nil {
		return err
	}
	description, err := openapitest.Parse([]byte(document))
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.servers[strings.TrimPrefix(s.url, "http://")] = description.Watch(w.plain, w.report)
	return nil
}

// report may come when the test that asked has ended: so the end of all tests tells.
func (w *watcher) report(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found++
	fmt.Fprintln(os.Stderr, "e2e:", err)
}

func (w *watcher) verdict() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.found > 0 {
		return fmt.Errorf("%d exchanges were not as /openapi.json describes them", w.found)
	}
	return nil
}
