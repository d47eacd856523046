package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/openai/openai-go/v3"
)

const (
	dim   = "\x1b[2m"
	plain = "\x1b[0m"
)

// conversation is what was said so far, and with whom.
type conversation struct {
	completions openai.ChatCompletionService
	url, model  string
	system      string
	history     []openai.ChatCompletionMessageParamUnion
	out, notes  io.Writer
	terminal    bool // out is one: reasoning is shown, dimmed
}

// reset forgets all but the system message.
func (c *conversation) reset() {
	c.history = nil
	if c.system != "" {
		c.history = append(c.history, openai.SystemMessage(c.system))
	}
}

// talk reads a message per line and answers each, until /exit or the end of input.
func (c *conversation) talk(ctx context.Context, in io.Reader) error {
	fmt.Fprintf(c.out, "%s at %s. /reset forgets, /exit leaves.\n", c.model, c.url)
	for lines := bufio.NewReader(in); ; {
		fmt.Fprint(c.out, "> ")
		line, err := lines.ReadString('\n')
		message := strings.TrimSpace(line)
		switch {
		case message == "/exit" || errors.Is(err, io.EOF) && message == "":
			fmt.Fprintln(c.out)
			return nil
		case err != nil && !errors.Is(err, io.EOF):
			return fmt.Errorf("read the message: %w", err)
		case message == "/reset":
			c.reset()
		case message != "":
			c.turn(ctx, message)
		}
	}
}

// turn answers one message; Ctrl-C ends the answer and not the conversation.
func (c *conversation) turn(ctx context.Context, message string) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	err := c.answer(ctx, message)
	if err != nil && ctx.Err() == nil {
		fmt.Fprintf(c.notes, "moltbot: %v\n", c.explain(err))
	}
}

// answer sends a message and writes the answer as it comes. What was said
// until an interruption stays in the history; after an error nothing does.
func (c *conversation) answer(ctx context.Context, message string) error {
	asked := append(c.history, openai.UserMessage(message))
	stream := c.completions.NewStreaming(ctx, openai.ChatCompletionNewParams{Model: c.model, Messages: asked})
	defer stream.Close()
	w := speech{out: c.out, terminal: c.terminal}
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			w.reasoning(choice.Delta.JSON.ExtraFields["reasoning_content"].Raw())
			w.content(choice.Delta.Content)
			w.finish = cmp.Or(choice.FinishReason, w.finish)
		}
	}
	w.end()
	if err := stream.Err(); err != nil && ctx.Err() == nil {
		return err
	}
	if err := c.ending(w.finish); err != nil && ctx.Err() == nil {
		return err
	}
	if w.said.Len() > 0 {
		c.history = append(asked, openai.AssistantMessage(w.said.String()))
	}
	return ctx.Err()
}

// ending tells the person when an answer isn't whole; finish is the reason that came last.
func (c *conversation) ending(finish string) error {
	switch finish {
	case "":
		return errors.New("the answer ended before it was finished")
	case "length":
		fmt.Fprintln(c.notes, "(cut off: the context is full)")
	}
	return nil
}

// speech writes an answer: its reasoning, dimmed and only on a terminal, then its content.
type speech struct {
	out      io.Writer
	terminal bool
	dimmed   bool
	wrote    bool
	finish   string          // why the answer ended, in OpenAI's words
	said     strings.Builder // the content
}

// reasoning takes the delta's field as raw JSON; empty when there is none.
func (s *speech) reasoning(raw string) {
	var text string
	if raw == "" || !s.terminal || json.Unmarshal([]byte(raw), &text) != nil || text == "" {
		return
	}
	if !s.dimmed {
		fmt.Fprint(s.out, dim)
		s.dimmed = true
	}
	fmt.Fprint(s.out, text)
	s.wrote = true
}

func (s *speech) content(text string) {
	if text == "" {
		return
	}
	if s.dimmed {
		fmt.Fprint(s.out, plain, "\n")
		s.dimmed = false
	}
	fmt.Fprint(s.out, text)
	s.said.WriteString(text)
	s.wrote = true
}

// end closes the line.
func (s *speech) end() {
	if s.dimmed {
		fmt.Fprint(s.out, plain)
	}
	if s.wrote {
		fmt.Fprintln(s.out)
	}
}
