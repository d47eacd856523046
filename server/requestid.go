package server

import (
	"crypto/rand"
	"regexp"

	"github.com/labstack/echo/v4"

	"github.com/moltbot/moltbot/server/openai"
)

var wellFormedID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

// identify gives every request an id, the client's own when it is well formed,
// and a logger that tells it on each line.
func (s *Server) identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		id := r.Header.Get(echo.HeaderXRequestID)
		if !wellFormedID.MatchString(id) {
			id = "req_" + rand.Text()
		}
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		ctx := openai.WithCaller(r.Context(), openai.Caller{RequestID: id})
		log := s.opt.Log.With().Str("request_id", id).Logger()
		c.SetRequest(r.WithContext(log.WithContext(ctx)))
		return next(c)
	}
}
