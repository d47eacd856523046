package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/engine"
)

// lastWords is the time that aborted streams have to say so.
const lastWords = time.Second

// Serve answers on l until Shutdown; it then returns nil. It closes l.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving on %s: %w", l.Addr(), err)
	}
	return nil
}

// Shutdown answers new requests with 503 and waits for the running ones and for the
// responses in the background. When ctx ends first these are cut off with an error,
// and its error is returned.
func (s *Server) Shutdown(ctx context.Context) error {
	s.http.SetKeepAlivesEnabled(false)
	empty := s.gate.close()
	var err error
	select {
	case <-empty:
	case <-ctx.Done():
		err = fmt.Errorf("waiting for running requests: %w", context.Cause(ctx))
	}
	s.abort(engine.ErrClosed)
	s.api.Close(ctx)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	if s.http.Shutdown(last) != nil { // somebody does not hang up
		return errors.Join(err, s.http.Close())
	}
	return err
}

// warnings takes what net/http has to say about connections, one line per write.
type warnings struct{ log zerolog.Logger }

func (w warnings) Write(line []byte) (int, error) {
	w.log.Debug().Msg(strings.TrimSpace(string(line)))
	return len(line), nil
}
