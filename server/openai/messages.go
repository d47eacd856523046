package openai

import (
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// messages answers POST /v1/messages, the endpoint of Anthropic's API: a chat
// completion whose request and answer are spelled in another way.
func (h *Handler) messages(c echo.Context) error {
	body, err := readBody(c)
	if err != nil {
		return err
	}
	req, err := decodeMessagesRequest(body)
	if err != nil {
		return err
	}
	m, err := h.begin(c, &req.params)
	if err != nil {
		return err
	}
	text, err := h.render(c, m, req.chatRequest)
	if err != nil {
		return err
	}
	a := newMessagesAnswer(m.Info().ID, req, len(text.tokens), text.parser())
	g := generate(c.Request().Context(), m, req.requests(CallerFrom(c.Request().Context()), text))
	return inWords(h.deliverMessage(c, g, a), "messages")
}

// countTokens answers POST /v1/messages/count_tokens.
func (h *Handler) countTokens(c echo.Context) error {
	body, err := readBody(c)
	if err != nil {
		return err
	}
	req, err := decodeCounted(body)
	if err != nil {
		return err
	}
	m, err := h.begin(c, &req.params)
	if err != nil {
		return err
	}
	p, err := write(m, req.conversation)
	if err != nil {
		return err
	}
	tokens, err := prompt{text: p.Text, path: "messages"}.tokenise(m.Vocab())
	if err != nil {
		return err
	}
	tellRequest(c)
	return reply(c, http.StatusOK, map[string]int{"input_tokens": len(tokens)})
}

// deliverMessage sends an answer as it was asked for.
func (h *Handler) deliverMessage(c echo.Context, g *generation, a *messagesAnswer) error {
	defer g.stop()
	defer h.note(c.Request().Context(), a)
	tellRequest(c)
	if a.req.stream {
		return h.streamMessage(c, g, a)
	}
	return gather(c, g, a)
}

// streamMessage sends events as they come, and a ping whenever nothing was said for a while.
func (h *Handler) streamMessage(c echo.Context, g *generation, a *messagesAnswer) error {
	out := &sse{w: c.Response(), last: time.Now()}
	for g.running > 0 {
		ev, err := g.next(out.quiet(h.KeepAlive))
		switch {
		case errors.Is(err, errIdle):
			err = out.ping(a.begun)
		case err == nil && ev.admitted():
			err = out.event("message_start", a.start())
		case err == nil:
			err = out.tellEvents(a, ev)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ping is the sign of life of this API; before the message has begun it is a comment.
func (s *sse) ping(begun bool) error {
	if !begun {
		return s.comment("keepalive")
	}
	return s.event("ping", map[string]string{"type": "ping"})
}

// tellEvents sends the events by which a message tells what happened.
func (s *sse) tellEvents(a *messagesAnswer, ev event) error {
	events, err := fold(a, ev)
	if err != nil {
		return err
	}
	for _, e := range events {
		if err := s.event(e.(messageEvent).Type, e); err != nil {
			return err
		}
	}
	return nil
}
