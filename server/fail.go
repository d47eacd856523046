package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/server/openai"
)

// fail is where every error ends: the client is told what is its business, and
// the log the rest.
func (s *Server) fail(err error, c echo.Context) {
	ctx := c.Request().Context()
	if errors.Is(err, openai.ErrGone) || errors.Is(err, context.Canceled) && ctx.Err() != nil {
		c.Response().Status = clientGone
		return
	}
	e := toWire(err, c.Request())
	if e.Status >= http.StatusInternalServerError {
		c.Set(failed, e.Status != http.StatusServiceUnavailable) // not ready yet is no failure
		note(ctx, err)
	}
	if e.Status == http.StatusServiceUnavailable && s.gate.isClosed() {
		c.Response().Header().Set(echo.HeaderConnection, "close")
	}
	if err := e.Write(c); err != nil {
		note(ctx, err)
	}
}

// toWire turns an error into the wire's; echo's own are those of its router.
func toWire(err error, r *http.Request) *openai.Error {
	he, ok := errors.AsType[*echo.HTTPError](err)
	if !ok {
		return openai.From(err)
	}
	switch he.Code {
	case http.StatusNotFound:
		return openai.Invalid(he.Code, "", "unknown_url", "Unknown request URL: %s %.128s. Please check the URL for typos.", r.Method, r.URL.Path)
	case http.StatusMethodNotAllowed:
		return openai.Invalid(he.Code, "", "method_not_allowed", "Not allowed to %s on %.128s.", r.Method, r.URL.Path)
	}
	return openai.From(err)
}

// note adds an error to the line that the request will have in the log.
func note(ctx context.Context, err error) {
	zerolog.Ctx(ctx).UpdateContext(func(l zerolog.Context) zerolog.Context { return l.AnErr("error", err) })
}

// survive turns a panic into an error with the stack, for the log.
func (s *Server) survive(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		return next(c)
	}
}
