package openai

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/moltbot/moltbot/engine"
)

// The types of error that the wire knows.
const (
	typeInvalid = "invalid_request_error"
	typeRate    = "rate_limit_error"
	typeServer  = "server_error"
)

// Error is an error as the wire tells it. Param and Code are null when empty.
type Error struct {
	Status     int           // of HTTP
	RetryAfter time.Duration // when trying again makes sense; 0: not said
	Message    string
	Type       string
	Param      string // the field at fault
	Code       string
}

func (e *Error) Error() string { return e.Message }

// MarshalJSON writes {"error": {…}} with all four keys.
func (e *Error) MarshalJSON() ([]byte, error) {
	type body struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	}
	return encode(map[string]body{"error": {e.Message, e.Type, orNull(e.Param), orNull(e.Code)}})
}

// orNull returns nil for an empty string, which JSON writes as null.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Invalid says that the request is at fault and would fail the same way again.
func Invalid(status int, param, code, format string, args ...any) *Error {
	return &Error{Status: status, Type: typeInvalid, Param: param, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Unavailable says that the server takes no request now.
func Unavailable(code, message string, retry time.Duration) *Error {
	return &Error{Status: http.StatusServiceUnavailable, Type: typeServer, Code: code, Message: message, RetryAfter: retry}
}

// badRequest is Invalid with status 400.
func badRequest(param, code, format string, args ...any) *Error {
	return Invalid(http.StatusBadRequest, param, code, format, args...)
}

func unknownModel(id string) *Error {
	return Invalid(http.StatusNotFound, "model", "model_not_found", "The model '%s' does not exist or you do not have access to it.", shorten(id))
}

// From turns any error into what the wire is told. What it doesn't know is an
// internal error, whose text is for the log alone.
func From(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*engine.BusyError](err); ok {
		return &Error{Status: http.StatusTooManyRequests, Type: typeRate, Code: "rate_limit_exceeded", Message: "The server is busy: " + e.Error() + ". Please try again later.", RetryAfter: max(e.RetryAfter, time.Second)}
	}
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return Invalid(http.StatusRequestEntityTooLarge, "", "request_too_large", "The request body is too large: at most %d bytes are allowed.", e.Limit)
	}
	if errors.Is(err, engine.ErrClosed) {
		return Unavailable("shutting_down", "The server is shutting down.", time.Second)
	}
	return &Error{Status: http.StatusInternalServerError, Type: typeServer, Code: "internal_error", Message: "internal error"}
}

// tooLong says in OpenAI's words that prompt and answer don't fit into the
// context. param is where the prompt came from: messages or prompt.
func tooLong(e *engine.ContextError, param string) *Error {
	return badRequest(param, "context_length_exceeded",
		"This model's maximum context length is %d tokens. However, you requested %d tokens (%d in the %s, %d in the completion). Please reduce the length of the %s or completion.",
		e.Limit, e.Prompt+e.Completion, e.Prompt, param, e.Completion, param)
}

// shorten keeps what a client sent short enough to be said back.
func shorten(s string) string {
	const most = 64 // bytes
	if len(s) <= most {
		return s
	}
	cut := most
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// seconds writes a duration for Retry-After: whole seconds, rounded up, at least 1.
func seconds(d time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
}
