package openai

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"
)

// deliver sends an answer as it was asked for. When all choices have ended, and
// before a client is told so, keep is called.
func (h *Handler) deliver(c echo.Context, g *generation, a chunked, p params, keep func(context.Context) error) error {
	ctx := c.Request().Context()
	defer g.stop()
	defer h.note(ctx, a)
	if p.stream {
		return h.stream(c, g, a, p.includeUsage, keep)
	}
	if err := await(g, a); err != nil {
		return err
	}
	if err := keep(ctx); err != nil {
		return err
	}
	return reply(c, http.StatusOK, a.whole())
}

// nothing is kept.
func nothing(context.Context) error { return nil }

// gather waits for the end of an answer and sends it whole.
func gather(c echo.Context, g *generation, a answer) error {
	if err := await(g, a); err != nil {
		return err
	}
	return reply(c, http.StatusOK, a.whole())
}

// await folds all that comes into an answer.
func await(g *generation, a answer) error {
	for g.running > 0 {
		ev, err := g.next(0)
		if err != nil {
			return err
		}
		if _, err := fold(a, ev); err != nil {
			return err
		}
	}
	return nil
}

// fold gives an event to the answer, which returns the chunks that tell it.
func fold(a answer, ev event) ([]any, error) {
	switch {
	case ev.admitted():
		return nil, nil
	case ev.result != nil:
		return a.finish(ev.choice, *ev.result)
	}
	return a.push(ev.choice, ev.chunk)
}

// stream sends chunks as they come, and a comment whenever nothing was said for
// a while: from admission on, through prefill, to the end.
func (h *Handler) stream(c echo.Context, g *generation, a chunked, includeUsage bool, keep func(context.Context) error) error {
	out := &sse{w: c.Response(), last: time.Now()}
	for g.running > 0 {
		ev, err := g.next(out.quiet(h.KeepAlive))
		switch {
		case errors.Is(err, errIdle), err == nil && ev.admitted():
			err = out.comment("keepalive")
		case err == nil:
			err = out.tell(a, ev)
		}
		if err != nil {
			return err
		}
	}
	if err := keep(c.Request().Context()); err != nil {
		return err
	}
	if includeUsage {
		if err := out.data(a.usageChunk()); err != nil {
			return err
		}
	}
	return out.done()
}

// tell sends what an event adds to the answer.
func (s *sse) tell(a answer, ev event) error {
	chunks, err := fold(a, ev)
	if err != nil {
		return err
	}
	for _, chunk := range chunks {
		if err := s.data(chunk); err != nil {
			return err
		}
	}
	return nil
}

// note tells the request's logger what was counted, and what was said if that was asked for.
func (h *Handler) note(ctx context.Context, a answer) {
	log, u := zerolog.Ctx(ctx), a.usage()
	log.UpdateContext(func(c zerolog.Context) zerolog.Context {
		return c.Int("prompt_tokens", u.Prompt).Int("cached_tokens", u.PromptDetails.Cached).Int("completion_tokens", u.Completion)
	})
	if h.LogPrompts {
		log.Debug().Strs("answers", a.texts()).Msg("answered")
	}
}
