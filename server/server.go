// Package server is the HTTP side of Moltbot: listening, middleware, errors, an orderly end.
//
// Owns: what is true of every answer, whatever it answers: the request id, the
// log line, limits of size and time, keys, the shape of errors.
// Must not import: engine/llama, cgo; models come behind models.Catalogue.
// Flow: a request passes identify → record → survive → limit → authorise → admit
// (each in its file) and reaches a handler of server/openai. Handlers and
// middleware return errors; fail alone writes them.
package server

import (
	"context"
	stdlog "log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/models"
	"github.com/moltbot/moltbot/server/openai"
	"github.com/moltbot/moltbot/server/openapi"
)

// Options says how to serve. A time or size of 0 means no limit, but for WriteTimeout.
type Options struct {
	Catalogue models.Catalogue
	Embedders models.Embedders     // nil: none
	Responses openai.ResponseStore // nil: none are kept
	Ready     func() error         // why no traffic is wanted now; nil: always ready
	Version   string               // of the program
	Log       zerolog.Logger
	// LogPrompts writes prompts and answers to the log, at level debug.
	LogPrompts bool
	// Keys that clients must send; none: no key is asked for. Only their hashes are kept.
	Keys              []string
	Tiers             map[string]string // the highest service_tier of a key, where it isn't any
	BodyLimit         int64             // bytes of a request body
	ReadHeaderTimeout time.Duration     // for the headers of a request
	ReadTimeout       time.Duration     // for the body of a request
	IdleTimeout       time.Duration     // of an unused connection
	WriteTimeout      time.Duration     // for a client to take a piece of an answer; 0: 30 s
	KeepAlive         time.Duration     // a stream that has nothing to say sends a comment this often
}

// Server serves until Shutdown.
type Server struct {
	opt   Options
	keys  keyring
	http  *http.Server
	gate  gate
	api   *openai.Handler
	abort context.CancelCauseFunc // ends all running requests

	description func() ([]byte, error) // of the server itself
}

// New returns a server that does not listen yet.
func New(o Options) *Server {
	if o.WriteTimeout == 0 {
		o.WriteTimeout = 30 * time.Second
	}
	if o.Ready == nil {
		o.Ready = func() error { return nil }
	}
	s := &Server{opt: o, keys: newKeyring(o.Keys, o.Tiers)}
	s.description = sync.OnceValues(func() ([]byte, error) { return openapi.Description(o.Version) })
	s.opt.Keys = nil
	base, abort := context.WithCancelCause(context.Background())
	s.abort = abort
	s.http = &http.Server{
		Handler:                      s.routes(),
		ReadHeaderTimeout:            o.ReadHeaderTimeout,
		IdleTimeout:                  o.IdleTimeout,
		MaxHeaderBytes:               64 << 10,
		DisableGeneralOptionsHandler: true,
		BaseContext:                  func(net.Listener) context.Context { return base },
		ErrorLog:                     stdlog.New(warnings{o.Log}, "", 0),
	}
	return s
}

// Handler answers requests without a listener of its own, as tests like it.
func (s *Server) Handler() http.Handler { return s.http.Handler }

func (s *Server) routes() http.Handler {
	e := echo.New()
	e.HTTPErrorHandler = s.fail
	e.Use(s.identify, s.record, s.survive, s.limit, s.authorise)
	e.GET("/health", s.health)
	e.HEAD("/health", s.health)
	e.GET("/ready", s.ready)
	e.HEAD("/ready", s.ready)
	e.GET("/openapi.json", s.describe)
	e.GET("/docs", s.docs)
	s.api = openai.New(openai.Options{
		Catalogue:  s.opt.Catalogue,
		Embedders:  s.opt.Embedders,
		Responses:  s.opt.Responses,
		Version:    s.opt.Version,
		KeepAlive:  s.opt.KeepAlive,
		LogPrompts: s.opt.LogPrompts,
	})
	s.api.Routes(e, s.admit)
	return e
}
