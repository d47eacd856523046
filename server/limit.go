package server

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// limit bounds a request's body in size and time, and the time that its client
// may take for each piece of the answer.
func (s *Server) limit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, w := c.Request(), c.Response()
		paced := &pacedWriter{ResponseWriter: w.Writer, control: http.NewResponseController(w.Writer), each: s.opt.WriteTimeout}
		if s.opt.ReadTimeout > 0 {
			if err := supported(paced.control.SetReadDeadline(time.Now().Add(s.opt.ReadTimeout))); err != nil {
				return fmt.Errorf("limiting the time of a body: %w", err)
			}
		}
		if s.opt.BodyLimit > 0 {
			if r.ContentLength > s.opt.BodyLimit {
				w.Header().Set(echo.HeaderConnection, "close")
				return &http.MaxBytesError{Limit: s.opt.BodyLimit}
			}
			r.Body = http.MaxBytesReader(w.Writer, r.Body, s.opt.BodyLimit)
		}
		w.Writer = paced
		return next(c)
	}
}

// supported forgives writers that know no deadlines, such as those of tests.
func supported(err error) error {
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// pacedWriter gives each write and flush its own deadline: a long answer may take
// its time, a client that stopped reading may not.
type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	each    time.Duration
}

// Unwrap is for http.ResponseController.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *pacedWriter) Write(b []byte) (int, error) {
	if err := w.extend(); err != nil {
		return 0, err
	}
	return w.ResponseWriter.Write(b)
}

// FlushError is what http.ResponseController calls.
func (w *pacedWriter) FlushError() error {
	if err := w.extend(); err != nil {
		return err
	}
	return w.control.Flush()
}

func (w *pacedWriter) extend() error {
	return supported(w.control.SetWriteDeadline(time.Now().Add(w.each)))
}
