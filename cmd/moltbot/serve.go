package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/moltbot/moltbot/internal/config"
	"github.com/moltbot/moltbot/internal/logging"
	"github.com/moltbot/moltbot/server"
)

// newServe is the default command by its name.
func newServe(p process) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve a model (the default command)",
		Args:  args(),
	}
	asServe(cmd, p)
	return cmd
}

// asServe makes a command serve; the root is one, and so is `serve`.
func asServe(cmd *cobra.Command, p process) {
	addSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := loadConfig(cmd, p)
		if err != nil {
			return err
		}
		s, err := newService(p, cfg.Config)
		if err != nil {
			return err
		}
		s.flags = givenFlags(cmd)
		return errors.Join(s.serve(cmd.Context()), s.responses.close())
	}
}

// service is one run of `moltbot serve`.
type service struct {
	process
	cfg       config.Config
	flags     []string // as they were given
	log       zerolog.Logger
	shelf     shelf
	responses kept
	http      *server.Server
	keys      bool // clients need one
	chat      bool // the model is made for conversations
}

// newService reads what the service needs before it touches port or model.
func newService(p process, cfg config.Config) (*service, error) {
	log, err := logging.New(p.err, cfg.Log.Level, cfg.Log.Format)
	if err != nil {
		return nil, err
	}
	logNative(log)
	var keys apiKeys
	if path := string(cfg.Server.APIKeyFile); path != "" {
		if keys, err = readKeys(path); err != nil {
			return nil, err
		}
	}
	if keys.warning != "" {
		log.Warn().Msg(keys.warning)
	}
	s := &service{process: p, cfg: cfg, log: log, keys: len(keys.keys) > 0}
	if s.responses, err = openResponses(cfg, log); err != nil {
		return nil, err
	}
	s.http = server.New(server.Options{
		Catalogue:         &s.shelf,
		Embedders:         &s.shelf,
		Responses:         s.responses.orNone(),
		Ready:             s.shelf.ready,
		Version:           version,
		Log:               log,
		LogPrompts:        cfg.Log.Prompts,
		Keys:              keys.keys,
		Tiers:             keys.tiers,
		BodyLimit:         int64(cfg.Server.BodyLimit),
		ReadHeaderTimeout: time.Duration(cfg.Server.ReadHeaderTimeout),
		ReadTimeout:       time.Duration(cfg.Server.ReadTimeout),
		IdleTimeout:       time.Duration(cfg.Server.IdleTimeout),
		KeepAlive:         time.Duration(cfg.Server.KeepAlive),
	})
	return s, nil
}

var errEngine = errors.New("the engine has ended after a failure, which the log tells; start the server again")

// serve takes the port, then loads the model, then answers until a signal or a
// failure; running requests are drained before it returns.
func (s *service) serve(ctx context.Context) error {
	l, err := listen(ctx, s.cfg.Server.Listen)
	if err != nil {
		return err
	}
	run, hurry, stop := interrupts(ctx)
	defer stop()
	ended, loaded := make(chan error, 1), make(chan error, 1)
	go func() { ended <- s.http.Serve(l) }()
	go func() { loaded <- s.load(run) }()
	select {
	case err = <-loaded:
	case <-hurry.Done():
		return errors.New("stopped while the model was being loaded")
	}
	if err == nil && run.Err() == nil {
		s.announce(l.Addr())
		select {
		case <-run.Done():
		case err = <-ended:
		case <-s.shelf.get().Done():
			return errors.Join(errEngine, s.drain(hurry))
		}
	}
	if run.Err() != nil { // told to stop, perhaps while loading
		return s.drain(hurry)
	}
	s.abandon()
	return err
}

// echo is how soon after a signal another one is still the same: timeout(1),
// for one, signals the process and then its whole group.
const echo = 50 * time.Millisecond

// interrupts returns a context that ends with the first SIGINT or SIGTERM, and
// one that ends with the second.
func interrupts(ctx context.Context) (first, second context.Context, stop func()) {
	first, cancelFirst := context.WithCancel(ctx)
	second, cancelSecond := context.WithCancel(context.WithoutCancel(ctx))
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
			cancelFirst()
		case <-second.Done():
		}
		for since := time.Now(); second.Err() == nil; {
			select {
			case <-signals:
				if time.Since(since) > echo {
					cancelSecond()
				}
			case <-second.Done():
			}
		}
	}()
	return first, second, func() {
		signal.Stop(signals)
		cancelFirst()
		cancelSecond()
	}
}

// drain lets running requests end, for drain_timeout at most or until hurry ends.
func (s *service) drain(hurry context.Context) error {
	patience := time.Duration(s.cfg.Server.DrainTimeout)
	ctx, cancel := context.WithTimeout(hurry, patience)
	defer cancel()
	s.log.Info().Stringer("at_most", patience).Msg("stopping; running requests may end")
	err := s.http.Shutdown(ctx)
	s.shelf.close(ctx)
	if err != nil {
		return fmt.Errorf("stopped before every request had its answer: %w", err)
	}
	s.log.Info().Msg("stopped")
	return nil
}

// abandon ends everything after a failure, waiting for nobody.
func (s *service) abandon() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		s.log.Debug().Err(err).Msg("stopped at once")
	}
	s.shelf.close(ctx)
}
