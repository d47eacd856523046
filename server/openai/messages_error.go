package openai

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

const messagesPath = "/v1/messages"

// speaksMessages tells whether a request expects the shapes of Anthropic's API,
// also where it never reached a handler.
func speaksMessages(r *http.Request) bool {
	return r.URL.Path == messagesPath || strings.HasPrefix(r.URL.Path, messagesPath+"/")
}

// tellRequest adds the header by which Anthropic's clients know a request.
func tellRequest(c echo.Context) {
	c.Response().Header().Set("Request-Id", CallerFrom(c.Request().Context()).RequestID)
}

// messagesError is an error as Anthropic's API tells it.
type messagesError struct {
	Type      string             `json:"type"`
	Error     messagesErrorCause `json:"error"`
	RequestID string             `json:"request_id"`
}

type messagesErrorCause struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

func newMessagesError(e *Error, c echo.Context) messagesError {
	return messagesError{"error", messagesErrorCause{messagesErrorType(e.Status), e.Message}, CallerFrom(c.Request().Context()).RequestID}
}

// messagesErrorType says what kind of error a status stands for.
func messagesErrorType(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusNotFound:
		return "not_found_error"
	case http.StatusRequestEntityTooLarge:
		return "request_too_large"
	case http.StatusTooManyRequests:
		return typeRate
	case http.StatusServiceUnavailable:
		return "overloaded_error"
	}
	if status >= http.StatusInternalServerError {
		return "api_error"
	}
	return typeInvalid
}
