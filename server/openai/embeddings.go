package openai

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/embed"
	"github.com/moltbot/moltbot/models"
)

// embeddingRequest is a decoded body of /v1/embeddings.
type embeddingRequest struct {
	model      string
	inputs     []prompt
	dimensions int // 0: the model's
	base64     bool
}

type embeddingList struct {
	Object string          `json:"object"`
	Data   []embeddingBody `json:"data"`
	Model  string          `json:"model"`
	Usage  embedUsage      `json:"usage"`
}

type embeddingBody struct {
	Object    string `json:"object"`
	Index     int    `json:"index"`
	Embedding any    `json:"embedding"` // []float32, or a string of their bytes
}

// embed answers POST /v1/embeddings.
func (h *Handler) embed(c echo.Context) error {
	body, err := readBody(c)
	if err != nil {
		return err
	}
	req, err := decodeEmbedding(body)
	if err != nil {
		return err
	}
	m, err := h.embedder(req.model)
	if err != nil {
		return err
	}
	seqs, err := h.tokeniseInputs(c, m, req)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	vectors, err := m.Embed(ctx, seqs)
	if err != nil {
		return embedError(ctx, err, func(i int) string { return req.inputs[i].path })
	}
	return reply(c, http.StatusOK, req.answer(m.Info().ID, vectors, countTokens(seqs)))
}

// decodeEmbedding reads a body: shape and ranges, nothing else.
func decodeEmbedding(o object) (embeddingRequest, error) {
	r := embeddingRequest{
		model:      decodeModel(o.get("model")),
		inputs:     decodeInputs(o.need("input")),
		dimensions: int(o.get("dimensions").integer(1, math.MaxInt32, 0)),
		base64:     o.get("encoding_format").enum("float", "base64") == "base64",
	}
	o.get("user").str()
	return r, o.first.err()
}

// decodeInputs reads a string, an array of strings, an array of tokens or an array of these.
func decodeInputs(v value) []prompt {
	switch v.kind() {
	case "string":
		return []prompt{decodeInput(v, "string")}
	case "array":
		return decodeInputArray(v)
	case "null":
		return nil // noted already
	}
	v.fail("invalid_type", "Invalid type for '%s': expected one of a string, array of strings, array of integers, or array of integer arrays, but got %s instead.", v.path, article(v.kind()))
	return nil
}

func decodeInputArray(v value) []prompt {
	items := v.items()
	if len(items) == 0 {
		v.fail("empty_array", "Invalid '%s': empty array. Expected an array with minimum length 1, but got an empty array instead.", v.path)
		return nil
	}
	if items[0].kind() == "number" {
		return []prompt{{tokens: decodeTokens(v), path: v.path}}
	}
	if len(items) > maxInputs {
		v.fail("array_above_max_length", "Invalid '%s': array too long. Expected an array with maximum length %d, but got an array with length %d instead.", v.path, maxInputs, len(items))
		return nil
	}
	inputs := make([]prompt, len(items))
	for i, item := range items {
		inputs[i] = decodeInput(item, items[0].kind())
	}
	return inputs
}

// decodeInput reads one text, which may not be empty.
func decodeInput(v value, kind string) prompt {
	p := decodePromptItem(v, kind)
	if v.kind() == "string" && p.text == "" {
		v.fail("invalid_value", "Invalid '%s': empty string. Expected a string with minimum length 1.", v.path)
	}
	return p
}

// tokeniseInputs checks what needs the model.
func (h *Handler) tokeniseInputs(c echo.Context, m models.Embedder, r embeddingRequest) ([][]engine.Token, error) {
	h.noteEmbedder(c, m)
	if r.dimensions > m.Dimensions() {
		return nil, badRequest("dimensions", "integer_above_max_value", "Invalid 'dimensions': this model gives %d at most, but %d were asked for.", m.Dimensions(), r.dimensions)
	}
	seqs, texts := make([][]engine.Token, len(r.inputs)), make([]string, len(r.inputs))
	for i, in := range r.inputs {
		var err error
		if seqs[i], err = in.tokenise(m.Vocab()); err != nil {
			return nil, err
		}
		texts[i] = in.said(m.Vocab())
	}
	h.logPrompts(c, texts...)
	return seqs, nil
}

// noteEmbedder tells the request's log line which model it was.
func (h *Handler) noteEmbedder(c echo.Context, m models.Embedder) {
	zerolog.Ctx(c.Request().Context()).UpdateContext(func(l zerolog.Context) zerolog.Context { return l.Str("model", m.Info().ID) })
}

func (r embeddingRequest) answer(model string, vectors [][]float32, u embedUsage) embeddingList {
	list := embeddingList{Object: "list", Data: make([]embeddingBody, len(vectors)), Model: model, Usage: u}
	for i, v := range vectors {
		list.Data[i] = embeddingBody{"embedding", i, r.encoded(v)}
	}
	return list
}

// encoded writes a vector as it was asked for: cut to its first dimensions, in
// base64 as little-endian 32-bit floats.
func (r embeddingRequest) encoded(v []float32) any {
	if r.dimensions > 0 && r.dimensions < len(v) {
		v = embed.Shorten(v, r.dimensions)
	}
	if !r.base64 {
		return v
	}
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(b)
}
