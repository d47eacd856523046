package server

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/server/openai"
)

// health answers as long as the process can.
func health(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"status": "ok"})
}

// ready answers 503 while requests would not be served: before the model is
// loaded and after Shutdown began.
func (s *Server) ready(c echo.Context) error {
	if err := s.refusal(); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"status": "ready"})
}

// refusal says why requests are not served now; nil: they are.
func (s *Server) refusal() error {
	if s.gate.isClosed() {
		return engine.ErrClosed
	}
	if err := s.opt.Ready(); err != nil {
		return openai.Unavailable("not_ready", "The server is not ready: "+err.Error()+".", time.Second)
	}
	return nil
}
