package openai

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/engine/chat"
)

// responsesRoutes adds the endpoints of the Responses API.
func (h *Handler) responsesRoutes(e *echo.Echo, m ...echo.MiddlewareFunc) {
	e.POST("/v1/responses", h.respond, m...)
	e.GET("/v1/responses/:id", h.getResponse, m...)
	e.DELETE("/v1/responses/:id", h.deleteResponse, m...)
	e.POST("/v1/responses/:id/cancel", h.cancelResponse, m...)
	e.GET("/v1/responses/:id/input_items", h.listInput, m...)
}

// respond answers POST /v1/responses.
func (h *Handler) respond(c echo.Context) error {
	body, err := readBody(c)
	if err != nil {
		return err
	}
	req, err := decodeResponses(body)
	if err != nil {
		return err
	}
	for param, asked := range map[string]bool{"store": body.get("store").boolean(), "background": req.background} {
		if h.Responses == nil && asked {
			return badRequest(param, "unsupported_parameter", "Unsupported value for '%s': this server keeps no responses.", param)
		}
	}
	m, err := h.begin(c, &req.params)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if req.input, err = h.resolve(ctx, req.input); err != nil {
		return err
	}
	if req.conversation.Messages, err = h.converse(ctx, req); err != nil {
		return err
	}
	if req.truncate {
		all := len(req.conversation.Messages)
		if req.conversation.Messages, err = req.fitted(m); err != nil {
			return aboutInput(err)
		}
		zerolog.Ctx(ctx).UpdateContext(func(l zerolog.Context) zerolog.Context {
			return l.Int("messages_left_out", all-len(req.conversation.Messages))
		})
	}
	text, err := h.render(c, m, req.chatRequest)
	if err != nil {
		return aboutInput(err)
	}
	a := newResponsesAnswer(m, req, text.parser())
	begin := func(ctx context.Context) *generation { return generate(ctx, m, req.requests(CallerFrom(ctx), text)) }
	if req.background {
		return inWords(h.respondLater(c, a, req, begin), "input")
	}
	return inWords(h.deliverResponse(c, begin(ctx), a, req), "input")
}

// converse returns the messages of a request: its instructions, what came
// before, and its input. Instructions of earlier responses don't count.
func (h *Handler) converse(ctx context.Context, req responsesRequest) ([]chat.Message, error) {
	past, err := h.past(ctx, req.previous)
	if err != nil {
		return nil, err
	}
	messages, err := conversed(slices.Concat(past, req.input))
	if req.instructions != "" {
		messages = slices.Insert(messages, 0, chat.Message{Role: "system", Content: req.instructions})
	}
	return messages, err
}

// aboutInput says that the input is at fault, where a chat would name its messages.
func aboutInput(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Param != "messages" {
		return err
	}
	told := *e
	told.Param = "input"
	return &told
}

// deliverResponse sends a response as it was asked for, and keeps it first.
func (h *Handler) deliverResponse(c echo.Context, g *generation, a *responsesAnswer, req responsesRequest) error {
	defer g.stop()
	defer h.note(c.Request().Context(), a)
	if req.stream {
		return h.streamResponse(c, g, a, req)
	}
	if err := await(g, a); err != nil {
		return err
	}
	if err := h.keep(c.Request().Context(), req, a.response); err != nil {
		return err
	}
	return reply(c, http.StatusOK, a.whole())
}

// streamResponse sends the events as they come, and a comment whenever nothing
// was said for a while.
func (h *Handler) streamResponse(c echo.Context, g *generation, a *responsesAnswer, req responsesRequest) error {
	out := &sse{w: c.Response(), last: time.Now()}
	c.Set(streamFailure, func(e *Error) error { return out.responseEvents(a.fail(e)...) })
	for g.running > 0 {
		ev, err := g.next(out.quiet(h.KeepAlive))
		switch {
		case errors.Is(err, errIdle):
			err = out.comment("keepalive")
		case err == nil && ev.admitted():
			err = out.responseEvents(a.begin()...)
		case err == nil:
			var events []any
			if events, err = fold(a, ev); err == nil {
				err = out.responseEvents(events...)
			}
		}
		if err != nil {
			return err
		}
	}
	if err := h.keep(c.Request().Context(), req, a.response); err != nil {
		return err
	}
	return out.responseEvents(a.end())
}

// responseEvents writes events, each under the name of its type.
func (s *sse) responseEvents(events ...any) error {
	for _, e := range events {
		if err := s.event(e.(responseEvent).Type, e); err != nil {
			return err
		}
	}
	return nil
}
