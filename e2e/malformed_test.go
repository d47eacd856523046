package e2e

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/moltbot/moltbot/server/malformed"
)

// TestNonsenseIsNeverTheServersFault sends more than a thousand malformed
// requests: of the bodies of server/malformed every third, bodies over the
// limit, and connections full of nonsense. None is answered 5xx, and a good
// request is served afterwards.
func TestNonsenseIsNeverTheServersFault(t *testing.T) {
	s := own(t, "smollm2", nil, "--ctx", "256")
	refused := sendBodies(t, s, nonsense(s.model))
	connections := malformed.Connections(s.model, 350)
	sendConnections(t, s, connections)
	if n := refused + len(connections); n < 1000 {
		t.Errorf("only %d requests were malformed", n)
	}
	s.idle(t)
	s.wantAlive(t)
}

// nonsense picks from the bodies, the same ones each time.
func nonsense(model string) []malformed.Body {
	all := malformed.Bodies(model)
	rnd := rand.New(rand.NewPCG(5, 6))
	rnd.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	huge := malformed.Body{Path: malformed.ChatPath, Text: `{"messages": "` + strings.Repeat("x", 17<<20)}
	return append(all[:len(all)/3], huge, malformed.Body{Path: "/v1/nothing", Text: huge.Text})
}

// sendBodies returns how many were refused; the others were well formed by chance.
func sendBodies(t *testing.T, s *server, bodies []malformed.Body) int {
	t.Helper()
	var refused atomic.Int64
	var wg sync.WaitGroup
	places := make(chan struct{}, 8)
	for _, b := range bodies {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			status, said, err := s.post(b)
			if err != nil || status >= 500 {
				t.Errorf("%s %.300q: %d %.300s %v", b.Path, b.Text, status, said, err)
			}
			if status >= 400 {
				refused.Add(1)
			}
		})
	}
	wg.Wait()
	t.Logf("%d of %d bodies were refused", refused.Load(), len(bodies))
	return int(refused.Load())
}

// post sends a body. A server may hang up on a body that it won't read.
func (s *server) post(b malformed.Body) (status int, said string, err error) {
	res, err := http.Post(s.url+b.Path, "application/json", strings.NewReader(b.Text))
	if err != nil {
		if len(b.Text) > 16<<20 {
			return http.StatusRequestEntityTooLarge, "", nil
		}
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return res.StatusCode, string(body), errors.New("the answer was cut off")
	}
	return res.StatusCode, string(body), err
}

func sendConnections(t *testing.T, s *server, connections []malformed.Connection) {
	t.Helper()
	for i, c := range connections {
		answer, err := c.Send(strings.TrimPrefix(s.url, "http://"), patience)
		if err != nil || strings.HasPrefix(answer, "HTTP/1.1 5") {
			t.Errorf("connection %d, %.300q: %.300q, %v", i, c.Text, answer, err)
		}
	}
}
