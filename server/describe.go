package server

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/moltbot/moltbot/server/openapi"
)

// open are the routes that need no key: what probes ask, and what tells nothing
// of this server but how to speak with it.
var open = []string{"/health", "/ready", "/openapi.json", "/docs"}

func isOpen(c echo.Context) bool { return slices.Contains(open, c.Path()) }

// describe answers GET /openapi.json.
func (s *Server) describe(c echo.Context) error {
	description, err := s.description()
	if err != nil {
		return fmt.Errorf("describing the server: %w", err)
	}
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, description)
}

// docs answers GET /docs.
func (s *Server) docs(c echo.Context) error {
	page, policy := openapi.Page()
	c.Response().Header().Set(echo.HeaderContentSecurityPolicy, policy)
	return c.HTMLBlob(http.StatusOK, page)
}
