package openai

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/engine"
)

var (
	errCancelled = errors.New("the response was cancelled")
	errDeleted   = errors.New("the response was deleted")
	errEnded     = errors.New("the server is ending")
)

// cutOff is what a client is told of a response that the server's end cut off.
const cutOff = "The server ended before the response was complete; ask again."

// jobs are the responses that run in the background, by tenant and id.
type jobs struct {
	mu      sync.Mutex
	running map[string]*job
	closed  bool
	workers sync.WaitGroup
}

type job struct {
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when its last state is kept
}

func jobKey(tenant, id string) string { return tenant + "/" + id }

// start runs work until it returns; false: the server is ending.
func (j *jobs) start(key string, cancel context.CancelCauseFunc, work func()) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return false
	}
	if j.running == nil {
		j.running = map[string]*job{}
	}
	one := &job{cancel, make(chan struct{})}
	j.running[key] = one
	j.workers.Go(func() {
		defer close(one.done)
		defer j.forget(key)
		work()
	})
	return true
}

func (j *jobs) forget(key string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.running, key)
}

func (j *jobs) get(key string) *job {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.running[key]
}

// end cancels a response, if it runs, and waits for its last state.
func (j *jobs) end(ctx context.Context, key string, why error) error {
	one := j.get(key)
	if one == nil {
		return nil
	}
	one.cancel(why)
	select {
	case <-one.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close takes no more responses into the background and waits for those that run.
// When ctx ends first they fail.
func (h *Handler) Close(ctx context.Context) {
	h.jobs.mu.Lock()
	h.jobs.closed = true
	h.jobs.mu.Unlock()
	stop := context.AfterFunc(ctx, func() {
		h.jobs.mu.Lock()
		defer h.jobs.mu.Unlock()
		for _, one := range h.jobs.running {
			one.cancel(errEnded)
		}
	})
	defer stop()
	h.jobs.workers.Wait()
}

// respondLater answers at once with a response that is made in the background. It
// has been admitted to the queue before.
func (h *Handler) respondLater(c echo.Context, a *responsesAnswer, req responsesRequest, begin func(context.Context) *generation) error {
	log := zerolog.Ctx(c.Request().Context()).With().Str("response", a.response.ID).Logger()
	ctx, cancel := context.WithCancelCause(log.WithContext(context.WithoutCancel(c.Request().Context())))
	g := begin(ctx)
	_, err := g.next(0) // that all is admitted, or why not
	a.response.Background, a.response.Status = true, statusQueued
	if err == nil {
		err = h.keep(ctx, req, a.response)
	}
	queued := a.response
	started := err == nil && h.jobs.start(jobKey(string(CallerFrom(ctx).Partition), a.response.ID), cancel, func() {
		defer cancel(nil)
		h.work(ctx, g, a, req)
	})
	if !started {
		cancel(errEnded)
		g.stop()
	}
	switch {
	case err != nil:
		return err
	case !started:
		return errors.Join(engine.ErrClosed, h.keepFailed(ctx, req, a, errEnded))
	}
	return reply(c, http.StatusOK, queued)
}

// work follows a response to its end and keeps how it ended.
func (h *Handler) work(ctx context.Context, g *generation, a *responsesAnswer, req responsesRequest) {
	defer g.stop()
	err := h.follow(ctx, g, a, req)
	kept := context.WithoutCancel(ctx)
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errDeleted):
		return
	case err == nil:
		err = h.keep(kept, req, a.response)
	case errors.Is(cause, errCancelled):
		a.shut(statusIncomplete)
		a.response.Status = statusCancelled
		err = h.keep(kept, req, a.response)
	default:
		err = h.keepFailed(kept, req, a, err)
	}
	h.note(ctx, a)
	zerolog.Ctx(ctx).Info().Err(err).Str("status", a.response.Status).Msg("a response in the background has ended")
}

// follow folds what comes into the answer, and keeps that it has begun.
func (h *Handler) follow(ctx context.Context, g *generation, a *responsesAnswer, req responsesRequest) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	a.response.Status = statusRunning
	if err := h.keep(ctx, req, a.response); err != nil {
		return err
	}
	return await(g, a)
}

// keepFailed keeps a response that went wrong, and returns why if that can't be kept.
func (h *Handler) keepFailed(ctx context.Context, req responsesRequest, a *responsesAnswer, why error) error {
	told := From(why)
	if errors.Is(why, errEnded) {
		told = Unavailable("shutting_down", cutOff, 0)
	} else if told.Status >= http.StatusInternalServerError {
		zerolog.Ctx(ctx).Error().Err(why).Msg("a response in the background failed")
	}
	a.fail(told)
	return h.keep(ctx, req, a.response)
}

// settled returns what a stored response says. One that no longer runs though it
// had not ended was cut off with the server, and has failed.
func (h *Handler) settled(ctx context.Context, id string, k kept) (json.RawMessage, error) {
	var r response
	if err := json.Unmarshal(k.Response, &r); err != nil {
		return nil, fmt.Errorf("reading the response %s: %w", id, err)
	}
	tenant := string(CallerFrom(ctx).Partition)
	if !r.running() || h.jobs.get(jobKey(tenant, id)) != nil {
		return k.Response, nil
	}
	again, ok, err := h.recall(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, noResponse(id)
	case string(again.Response) != string(k.Response):
		return again.Response, nil // it ended a moment ago
	}
	return h.abandon(tenant, k, r)
}

// abandon keeps that a response has failed which nobody makes any more.
func (h *Handler) abandon(tenant string, k kept, r response) (json.RawMessage, error) {
	r.Status, r.Error = statusFailed, &responseError{"server_error", cutOff}
	whole, err := encode(r)
	if err != nil {
		return nil, err
	}
	k.Response = whole
	doc, err := encode(k)
	if err != nil {
		return nil, err
	}
	return whole, h.Responses.Put(tenant, r.ID, doc)
}

// running tells whether more is to come of a response.
func (r response) running() bool { return r.Status == statusQueued || r.Status == statusRunning }
