// Package openai speaks the OpenAI wire: it decodes requests, asks a model, and
// answers whole or as a stream of events.
//
// Owns: the shapes, ranges, defaults and error texts of the wire.
// Must not import: echo's middleware, engine/llama, cgo; a model is a models.Model.
// Flow: a handler reads the body (body.go), turns it into a request (chat_request.go,
// completion_request.go), finds the model, submits one engine.Request per choice
// (generation.go) and folds what comes into an answer (chat_answer.go,
// completion_answer.go), which is sent whole or as events (deliver.go). Embeddings
// and ranks come from a models.Embedder at once; a finished response, or a chat that is
// to be stored, goes to a ResponseStore (responses.go, chat_kept.go). A handler returns its errors;
// From says what the wire is told.
package openai

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/moltbot/moltbot/models"
)

const chatPath = "/v1/chat/completions"

// Options says what the handlers work with.
type Options struct {
	Catalogue models.Catalogue
	Embedders models.Embedders // nil: none
	Responses ResponseStore    // of responses and chat completions; nil: none are kept
	Version   string           // of the program; part of system_fingerprint
	KeepAlive time.Duration    // a stream with nothing to say sends a comment this often; 0: never
	// LogPrompts writes prompts and answers to the request's logger, at level debug.
	LogPrompts bool
}

// Handler answers the OpenAI endpoints.
type Handler struct {
	Options
	jobs jobs
}

// New returns the handlers over a catalogue.
func New(o Options) *Handler { return &Handler{Options: o} }

// Routes adds the endpoints to e, behind the middleware given.
func (h *Handler) Routes(e *echo.Echo, m ...echo.MiddlewareFunc) {
	e.POST(chatPath, h.chat, m...)
	h.storedChatRoutes(e, m...)
	e.POST("/v1/completions", h.complete, m...)
	e.POST(messagesPath, h.messages, m...)
	e.POST(messagesPath+"/count_tokens", h.countTokens, m...)
	e.POST("/v1/embeddings", h.embed, m...)
	for _, path := range []string{"/v1/rerank", "/v2/rerank", "/rerank"} {
		e.POST(path, h.rerank, m...)
	}
	e.POST("/tokenize", h.tokenise, m...)
	e.POST("/detokenize", h.detokenise, m...)
	e.POST("/apply-template", h.applyTemplate, m...)
	h.responsesRoutes(e, m...)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		e.Add(method, "/v1/models", h.listModels, m...)
		e.Add(method, "/v1/models/*", h.getModel, m...)
	}
}

// model finds a model that writes text by its name on the wire.
func (h *Handler) model(id string) (models.Model, error) {
	if m, ok := h.Catalogue.Get(id); ok {
		return m, nil
	}
	return nil, h.noWriter(id)
}
