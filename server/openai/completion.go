package openai

import (
	"github.com/labstack/echo/v4"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/constrain"
	"github.com/moltbot/moltbot/models"
)

// complete answers POST /v1/completions.
func (h *Handler) complete(c echo.Context) error {
	body, err := readBody(c)
	if err != nil {
		return err
	}
	req, err := decodeCompletion(body)
	if err != nil {
		return err
	}
	m, err := h.begin(c, &req.params)
	if err != nil {
		return err
	}
	constraint, err := compile(c.Request().Context(), m, req.format.raw(), req.format.param)
	if err != nil {
		return err
	}
	reqs, err := req.requests(CallerFrom(c.Request().Context()), m, constraint)
	if err != nil {
		return err
	}
	h.logPrompts(c, req.texts(m.Vocab())...)
	a := newCompletionAnswer(h.newHead("cmpl", "text_completion", m, req.params), req, req.echoes(m.Vocab()))
	return inWords(h.deliver(c, generate(c.Request().Context(), m, reqs), a, req.params, nothing), "prompt")
}

// requests returns the engine's requests, prompt by prompt. A choice among
// completions is made by their log-probabilities.
func (r completionRequest) requests(by Caller, m models.Model, c constrain.Constraint) ([]engine.Request, error) {
	var reqs []engine.Request
	for _, p := range r.prompts {
		tokens, err := r.tokenise(p, m)
		if err != nil {
			return nil, err
		}
		for k := range r.best {
			req := r.request(by, k, tokens)
			req.Constraint = c
			req.MaxTokens = max(1, r.maxTokens)
			req.PromptLogprobs = r.echo && r.logprobs != noLogprobs
			req.Logprobs, req.TopLogprobs = r.logprobs != noLogprobs || r.chooses(), max(0, r.logprobs)
			reqs = append(reqs, req)
		}
	}
	return reqs, nil
}

// texts returns the prompts as text.
func (r completionRequest) texts(v engine.Vocab) []string {
	texts := make([]string, len(r.prompts))
	for i, p := range r.prompts {
		texts[i] = p.said(v)
	}
	return texts
}

// echoes returns what each prompt's choices begin with: nothing, unless echo was asked for.
func (r completionRequest) echoes(v engine.Vocab) []string {
	if r.echo {
		return r.texts(v)
	}
	return make([]string, len(r.prompts))
}
