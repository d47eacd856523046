package chat

/*
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"unicode/utf8"
	"unsafe"
)

// Rendered is a prompt with all that belongs to it (common_chat_params). Safe
// for concurrent use; its C memory goes when it does.
type Rendered struct {
	Prompt           string    `json:"prompt"`            // without the BOS and EOS texts that tokenising adds
	GenerationPrompt string    `json:"generation_prompt"` // the end of Prompt that opens the model's turn
	Stops            []string  `json:"stops"`             // texts that end the turn besides its end token
	Format           string    `json:"format"`            // llama.cpp's name of the answer's syntax
	SupportsThinking bool      `json:"supports_thinking"`
	ThinkingStart    string    `json:"thinking_start"`   // opens the reasoning, "" where nothing does
	ThinkingEnds     []string  `json:"thinking_ends"`    // any of these closes it
	PreservedTokens  []string  `json:"preserved_tokens"` // control tokens that Parse must see as text
	Grammar          string    `json:"grammar"`          // GBNF of the tool calls; "" without tools
	GrammarLazy      bool      `json:"grammar_lazy"`     // Grammar holds only after one of the triggers
	GrammarTriggers  []Trigger `json:"grammar_triggers"`

	syntax *C.mb_syntax
	tools  bool // the answer may hold JSON
}

// Trigger starts a lazy grammar (common_grammar_trigger).
type Trigger struct {
	Type  int    `json:"type"` // common_grammar_trigger_type
	Value string `json:"value"`
}

// Answer is a generated text, cut into the parts of a message.
type Answer struct {
	Content   string     `json:"content"`
	Reasoning string     `json:"reasoning"`
	ToolCalls []ToolCall `json:"tool_calls"`
}

// Render applies the template (common_chat_templates_apply). Errors: ErrClosed;
// everything else is the fault of the request, a *TemplateError what the
// template itself raised.
func (t *Templates) Render(r Request) (*Rendered, error) {
	req, err := r.encode()
	if err != nil {
		return nil, fmt.Errorf("chat: %w", err)
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.c == nil {
		return nil, ErrClosed
	}
	creq := C.CBytes(req)
	defer C.free(creq)
	var cerr *C.char
	out := &Rendered{tools: len(r.Tools) > 0}
	answer := C.mb_render(t.c, (*C.char)(creq), C.size_t(len(req)), &out.syntax, &cerr)
	if err := decode(answer, cerr, out); err != nil {
		C.mb_syntax_free(out.syntax)
		return nil, err
	}
	runtime.AddCleanup(out, func(s *C.mb_syntax) { C.mb_syntax_free(s) }, out.syntax)
	return out, nil
}

// Parse cuts an answer to the prompt into its parts (common_chat_parse).
// partial says that more text may follow. Errors: *TemplateError when the text
// does not follow the model's own syntax.
func (r *Rendered) Parse(text string, partial bool) (Answer, error) {
	if !utf8.ValidString(text) {
		return Answer{}, errors.New("chat: the answer is not valid UTF-8")
	}
	if r.tools && openBrackets(text) > maxAnswerDepth {
		return Answer{}, &TemplateError{Message: fmt.Sprintf("the answer nests deeper than %d", maxAnswerDepth)}
	}
	ctext := cText(text)
	defer C.free(unsafe.Pointer(ctext))
	var cerr *C.char
	answer := C.mb_parse(r.syntax, ctext, C.size_t(len(text)), C.bool(partial), &cerr)
	runtime.KeepAlive(r)
	var a Answer
	err := decode(answer, cerr, &a)
	return a, err
}
