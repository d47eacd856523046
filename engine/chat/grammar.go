package chat

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moltbot/moltbot/engine/constrain"
)

// grammar returns what an answer with calls in that form must follow; nil: it is
// free. callable are the tools, at least one.
func (p *Prompt) grammar(c Conversation, f form, callable []Tool) *constrain.Grammar {
	w := &writer{prompt: p}
	switch {
	case c.Choice.Forced():
		return w.lark(w.lead() + " calls\n" + w.rules(c, f, callable, ""))
	case c.Schema != "":
		return w.lark(w.lead() + " (answer | calls)\nanswer: %json " + c.Schema + "\n" + w.rules(c, f, callable, ""))
	case c.guarded():
		return w.guard(c, f, callable)
	}
	return nil
}

// guarded tells whether the model is free to call, yet not how: its arguments
// must satisfy a schema, or one call is all there may be.
func (c Conversation) guarded() bool {
	return !c.Parallel || slices.ContainsFunc(c.Callable(), func(t Tool) bool { return t.Strict })
}

// contentGrammar is that of content under a schema.
func (p *Prompt) contentGrammar(schema string) *constrain.Grammar {
	if closing(p.Text) == "" {
		return &constrain.Grammar{Kind: constrain.JSONSchema, Source: schema}
	}
	w := &writer{prompt: p}
	return w.lark(w.lead() + " answer\nanswer: %json " + schema + "\n")
}

// closing returns what ends the reasoning that a prompt has opened at its end, or "".
func closing(prompt string) string {
	prompt = strings.TrimRight(prompt, " \n")
	for open, shut := range map[string]string{"<think>": "</think>", "[THINK]": "[/THINK]"} {
		if strings.HasSuffix(prompt, open) {
			return shut + "\n\n"
		}
	}
	return ""
}

// writer writes the grammar of the answers to a prompt. What it writes as control
// tokens is kept for the prompt's parsers.
type writer struct {
	prompt *Prompt
	tokens bool // some were written
}

func (w *writer) lark(source string) *constrain.Grammar {
	return &constrain.Grammar{Kind: constrain.Lark, Source: source, Tokens: w.tokens}
}

// lead begins the first rule: with the end of the reasoning that the prompt opened, if it did.
func (w *writer) lead() string {
	if text := closing(w.prompt.Text); text != "" {
		return "start: " + w.text(text)
	}
	return "start:"
}

// text writes a text that comes as it is.
func (w *writer) text(text string) string {
	if text == "" {
		return `""`
	}
	var parts []string
	for _, piece := range w.prompt.pieces(text) {
		if piece.Control {
			parts = append(parts, w.token(piece))
		} else {
			parts = append(parts, quote(piece.Text))
		}
	}
	return strings.Join(parts, " ")
}

// token writes a control token.
func (w *writer) token(p Piece) string {
	w.tokens = true
	if !slices.Contains(w.prompt.Keep, p.Text) {
		w.prompt.Keep = append(slices.Clip(w.prompt.Keep), p.Text)
	}
	return fmt.Sprintf("<[%d]>", p.Token)
}

func (p *Prompt) pieces(text string) []Piece {
	if p.Pieces == nil {
		return []Piece{{Text: text}}
	}
	return p.Pieces(text)
}
