package server

import (
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"
)

// clientGone is the status in the log of a request whose client left before the
// answer; none is sent.
const clientGone = 499

// failed marks a request that the server failed, which a stream's status does not show.
const failed = "failed"

// record writes one line per request. Handlers add to it through the logger in
// the context. Queries, headers and bodies stay out of it: they may be private.
func (s *Server) record(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := time.Now()
		if err := next(c); err != nil {
			c.Error(err) // answers it now, so that the line tells the status
		}
		r, w := c.Request(), c.Response()
		zerolog.Ctx(r.Context()).WithLevel(level(c)).
			Str("method", r.Method).
			Str("path", r.URL.Path).
			Int("status", w.Status).
			Dur("duration_ms", time.Since(began)).
			Int64("bytes", w.Size).
			Msg("request")
		return nil
	}
}

// level keeps what probes ask every few seconds out of an ordinary log.
func level(c echo.Context) zerolog.Level {
	switch {
	case c.Get(failed) == true:
		return zerolog.ErrorLevel
	case c.Path() == "/health" || c.Path() == "/ready":
		return zerolog.DebugLevel
	}
	return zerolog.InfoLevel
}
