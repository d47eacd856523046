package openai

import (
	"context"
	"errors"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/chat"
	"github.com/moltbot/moltbot/engine/constrain"
	"github.com/moltbot/moltbot/models"
)

// chat answers POST /v1/chat/completions.
func (h *Handler) chat(c echo.Context) error {
	body, err := readBody(c)
	if err != nil {
		return err
	}
	req, err := decodeChat(body)
	if err != nil {
		return err
	}
	if req.store && h.Responses == nil {
		return badRequest("store", "unsupported_parameter", "Unsupported value for 'store': this server keeps no chat completions.")
	}
	m, err := h.begin(c, &req.params)
	if err != nil {
		return err
	}
	text, err := h.render(c, m, req)
	if err != nil {
		return err
	}
	a := newChatAnswer(h.newHead(chatPrefix, req.object(), m, req.params), req, m.Vocab(), text.parser)
	g := generate(c.Request().Context(), m, req.requests(CallerFrom(c.Request().Context()), text))
	return inWords(h.deliver(c, g, a, req.params, func(ctx context.Context) error { return h.keepChat(ctx, a) }), "messages")
}

// begin finds the model and checks what only it can tell; the tier becomes what the key
// allows.
func (h *Handler) begin(c echo.Context, p *params) (models.Model, error) {
	p.cap(CallerFrom(c.Request().Context()).Tier)
	m, err := h.model(p.model)
	if err != nil {
		return nil, err
	}
	zerolog.Ctx(c.Request().Context()).UpdateContext(func(l zerolog.Context) zerolog.Context { return l.Str("model", m.Info().ID) })
	return m, p.checkVocab(m.Vocab())
}

// rendered is a conversation as the model reads it.
type rendered struct {
	tokens     []engine.Token
	stops      []string
	visible    []engine.Token
	constraint constrain.Constraint // nil: the answer is free
	parser     func() chat.Parser   // makes one for each choice
}

// render turns the conversation into tokens.
func (h *Handler) render(c echo.Context, m models.Model, req chatRequest) (rendered, error) {
	p, err := write(m, req.conversation)
	if err != nil {
		return rendered{}, err
	}
	h.logPrompts(c, p.Text)
	tokens, err := prompt{text: p.Text, path: "messages"}.tokenise(m.Vocab())
	if err != nil {
		return rendered{}, err
	}
	constraint, err := req.constraint(c.Request().Context(), m, p)
	return rendered{tokens, p.Stops, visible(p.Keep, m.Vocab()), constraint, p.Parser}, err
}

// logPrompts logs what the model reads, if that was asked for.
func (h *Handler) logPrompts(c echo.Context, texts ...string) {
	if h.LogPrompts {
		zerolog.Ctx(c.Request().Context()).Debug().Strs("prompts", texts).Msg("asked")
	}
}

// visible returns the control tokens whose text the parser must see.
func visible(keep []string, v engine.Vocab) []engine.Token {
	var out []engine.Token
	for _, text := range keep {
		if tokens, err := v.Tokenize(text, false, true); err == nil && len(tokens) == 1 {
			out = append(out, tokens[0])
		}
	}
	return out
}

// requests returns one engine request per choice.
func (r chatRequest) requests(by Caller, p rendered) []engine.Request {
	reqs := make([]engine.Request, r.n)
	for k := range reqs {
		reqs[k] = r.request(by, k, p.tokens)
		reqs[k].Stop = append(append([]string{}, r.stop...), p.stops...)
		reqs[k].Visible, reqs[k].Constraint = p.visible, p.constraint
		reqs[k].Logprobs, reqs[k].TopLogprobs = r.logprobs, r.topLogprobs
	}
	return reqs
}

// inWords says a ContextError in the words of the endpoint; other errors stay as they are.
func inWords(err error, param string) error {
	if e, ok := errors.AsType[*engine.ContextError](err); ok {
		return tooLong(e, param)
	}
	return err
}

// object is the type of what is answered.
func (r chatRequest) object() string {
	if r.stream {
		return "chat.completion.chunk"
	}
	return wholeChat
}
