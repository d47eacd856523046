package server

import (
	"net/http"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/moltbot/moltbot/engine"
)

// gate counts the requests inside and lets no more in once it is closed.
type gate struct {
	mu     sync.Mutex
	closed bool
	inside sync.WaitGroup
}

// enter returns false when the gate is closed; otherwise leave must follow.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.inside.Add(1)
	return true
}

func (g *gate) leave() { g.inside.Done() }

func (g *gate) isClosed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

// close lets nobody in any more and returns a channel that is closed when everybody has left.
func (g *gate) close() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	empty := make(chan struct{})
	go func() {
		g.inside.Wait()
		close(empty)
	}()
	return empty
}

// admit lets a request through the gate while requests are served.
func (s *Server) admit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !s.gate.enter() {
			return engine.ErrClosed
		}
		defer s.gate.leave()
		if c.Request().Method == http.MethodPost {
			if err := s.refusal(); err != nil {
				return err
			}
		}
		return next(c)
	}
}
