package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/chat"
	"github.com/moltbot/moltbot/models"
	"github.com/moltbot/moltbot/server/openai"
)

// prewarm has the configured prompts computed, or read from disk, for all
// clients. A prompt that can't be used ends the start: its author waits for it.
func prewarm(ctx context.Context, m models.Model, p plan, log zerolog.Logger) error {
	for i, entry := range p.cache.Prewarm.List() {
		tokens, err := prefix(m, entry, p.chat)
		if err != nil {
			return fmt.Errorf("cache.prewarm, entry %d: %w", i+1, err)
		}
		began := time.Now()
		usage, err := models.Prewarm(ctx, m, tokens)
		if err != nil {
			return fmt.Errorf("cache.prewarm, entry %d: %w", i+1, err)
		}
		log.Info().Int("entry", i+1).Int("tokens", usage.Prompt).Int("kept", usage.Cached).
			Dur("took", time.Since(began)).Msg("prewarmed")
	}
	return nil
}

// prefix returns the tokens with which every request begins that begins like the entry.
func prefix(m models.Model, entry string, chats bool) ([]engine.Token, error) {
	text, name := []byte(entry), "the request"
	if !strings.HasPrefix(entry, "{") {
		var err error
		if text, err = os.ReadFile(entry); err != nil {
			return nil, err
		}
		name = entry
	}
	switch {
	case !chats:
		return m.Vocab().Tokenize(string(text), true, true)
	case name == entry && !strings.HasSuffix(entry, ".json"):
		return openings(m, chat.Conversation{Messages: []chat.Message{{Role: "system", Content: strings.TrimSpace(string(text))}}})
	}
	conversation, err := openai.ParseConversation(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return openings(m, conversation)
}

// userOpenings are two first words of a user that have nothing in common.
var userOpenings = [2]string{"Hello", "1) Why?"}

// openings returns what prompts of the conversation have in common, whatever the
// user goes on to say.
func openings(m models.Model, c chat.Conversation) ([]engine.Token, error) {
	var prompts [2][]engine.Token
	for i, text := range userOpenings {
		next := c
		next.Messages = append(c.Messages[:len(c.Messages):len(c.Messages)], chat.Message{Role: "user", Content: text})
		prompt, err := m.Template().Render(next)
		if err != nil {
			return nil, fmt.Errorf("the model's chat template refuses it: %w", err)
		}
		if prompts[i], err = m.Vocab().Tokenize(prompt.Text, true, true); err != nil {
			return nil, err
		}
	}
	n := 0
	for n < min(len(prompts[0]), len(prompts[1])) && prompts[0][n] == prompts[1][n] {
		n++
	}
	return prompts[0][:n], nil
}
