package main

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"

	"github.com/moltbot/moltbot/engine/embed"
	"github.com/moltbot/moltbot/models"
)

// announce tells on stdout where the model answers, with one command that works.
func (s *service) announce(address net.Addr) {
	m := s.shelf.get()
	base := "http://" + reachable(address.String())
	fmt.Fprintf(s.out, "\nServing %s, %d tokens of context.\n\n", m.Info().ID, m.Info().ContextLength)
	fmt.Fprintf(s.out, "  address   %s\n", base)
	fmt.Fprintf(s.out, "  OpenAI    %s/v1\n", base)
	for _, e := range s.shelf.ListEmbedders() {
		fmt.Fprintf(s.out, "  %-10s%s, %d tokens\n", task(e), e.Info().ID, e.Info().ContextLength)
	}
	fmt.Fprintf(s.out, "  try       %s\n\n", s.tryIt(base+"/v1"))
	s.log.Info().Str("address", address.String()).Str("model", m.Info().ID).Msg("ready")
}

// task says in a word what an embedder is there for.
func task(e models.Embedder) string {
	if e.Pooling() == embed.Rank {
		return "reranks"
	}
	return "embeds"
}

// tryIt is a curl line that suits the model: a base model goes on with a text.
func (s *service) tryIt(base string) string {
	m := s.shelf.get()
	url, body := base+"/chat/completions", map[string]any{
		"model":    m.Info().ID,
		"messages": []map[string]string{{"role": "user", "content": "Hello!"}},
	}
	if !s.chat {
		url, body = base+"/completions", map[string]any{"model": m.Info().ID, "prompt": "Once upon a time"}
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // strings and maps of them always encode
	}
	key := ""
	if s.keys {
		key = ` -H "Authorization: Bearer $MOLTBOT_API_KEY"`
	}
	return fmt.Sprintf("curl %s%s -H 'Content-Type: application/json' -d %s", url, key, quoted(string(text)))
}

// quoted makes one word of it for a POSIX shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
