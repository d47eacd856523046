package openai

import (
	"net/http"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/chat"
	"github.com/moltbot/moltbot/models"
)

// The helpers around prompts are spelled as llama-server spells them.

// piece is a token with its text, or its bytes where they are no text by themselves.
type piece struct {
	ID    engine.Token `json:"id"`
	Piece any          `json:"piece"`
}

// tokenise answers POST /tokenize.
func (h *Handler) tokenise(c echo.Context) error {
	o, err := readBody(c)
	if err != nil {
		return err
	}
	content, special, parse := o.need("content").str(), o.get("add_special").boolean(), true
	if v := o.get("parse_special"); v.isSet() {
		parse = v.boolean()
	}
	pieces := o.get("with_pieces").boolean()
	m, err := h.anyModel(o)
	if err != nil {
		return err
	}
	tokens, err := m.Vocab().Tokenize(content, special, parse)
	if err != nil {
		return badRequest("content", "invalid_value", "Invalid 'content': the model's tokeniser refuses it.")
	}
	if pieces {
		return reply(c, http.StatusOK, map[string]any{"tokens": spell(m.Vocab(), tokens)})
	}
	return reply(c, http.StatusOK, map[string]any{"tokens": append([]engine.Token{}, tokens...)})
}

// spell adds its text to each token, that of control tokens too.
func spell(v engine.Vocab, tokens []engine.Token) []piece {
	pieces := make([]piece, len(tokens))
	for i, t := range tokens {
		b := v.Piece(nil, t, true)
		pieces[i] = piece{t, string(b)}
		if !utf8.Valid(b) {
			pieces[i].Piece = numbers(b)
		}
	}
	return pieces
}

// numbers returns bytes as JSON numbers.
func numbers(b []byte) []int {
	out := make([]int, len(b))
	for i, x := range b {
		out[i] = int(x)
	}
	return out
}

// detokenise answers POST /detokenize. Bytes that are no text become U+FFFD.
func (h *Handler) detokenise(c echo.Context) error {
	o, err := readBody(c)
	if err != nil {
		return err
	}
	p := prompt{path: "tokens"}
	if v := o.need("tokens"); len(v.items()) > 0 {
		p.tokens = decodeTokens(v)
	}
	m, err := h.anyModel(o)
	if err != nil {
		return err
	}
	if err := p.checkTokens(m.Vocab().Len()); err != nil {
		return err
	}
	var text []byte
	for _, t := range p.tokens {
		text = m.Vocab().Piece(text, t, true)
	}
	return reply(c, http.StatusOK, map[string]string{"content": string(text)})
}

// applyTemplate answers POST /apply-template with what a chat completion of the
// same body would have the model read.
func (h *Handler) applyTemplate(c echo.Context) error {
	o, err := readBody(c)
	if err != nil {
		return err
	}
	conversation := decodeConversation(o)
	conversation.Schema = decodeFormat(o).schema
	m, err := h.anyModel(o)
	if err != nil {
		return err
	}
	p, err := write(m, conversation)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, map[string]string{"prompt": p.Text})
}

// write has the model's template write a conversation.
func write(m models.Model, c chat.Conversation) (chat.Prompt, error) {
	p, err := m.Template().Render(c)
	if err != nil {
		return chat.Prompt{}, badRequest("messages", "invalid_value", "The model's chat template refuses these messages: %s.", shorten(err.Error()))
	}
	return p, nil
}

// anyModel finds the model that a body names, or the first that writes text. It
// is the last to read the body: a mistake in it is returned here.
func (h *Handler) anyModel(o object) (models.Model, error) {
	id := o.get("model").str()
	if err := o.first.err(); err != nil {
		return nil, err
	}
	if all := h.Catalogue.List(); id == "" && len(all) > 0 {
		return all[0], nil
	}
	return h.model(id)
}
