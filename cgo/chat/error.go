package chat

import "strings"

// TemplateError says what a template or its parser objected to.
type TemplateError struct {
	Message string // the objection alone, one line where the template raised it
	Detail  string // all that llama.cpp said, with the place in the template
}

func (e *TemplateError) Error() string { return e.Message }

// newTemplateError finds the objection in an error text of llama.cpp's jinja
// engine, which puts the excerpts of the source before it.
func newTemplateError(detail string) *TemplateError {
	msg := detail
	for _, mark := range []string{"\nError: ", "Jinja Exception: "} {
		if i := strings.LastIndex(msg, mark); i >= 0 {
			msg = msg[i+len(mark):]
		}
	}
	return &TemplateError{Message: strings.TrimSpace(msg), Detail: detail}
}
