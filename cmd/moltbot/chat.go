package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/ssestream"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/moltbot/moltbot/internal/config"
)

// chatFlags is what `moltbot chat` is told.
type chatFlags struct{ url, model, system, keyFile string }

// newChat talks with a running server.
func newChat(p process) *cobra.Command {
	var f chatFlags
	cmd := &cobra.Command{
		Use:   "chat [message…]",
		Short: "Talk with a running server",
		Long: `Talk with a running server. With a message, as arguments or from a pipe, it
answers once; else it is a conversation: /reset forgets what was said, /exit
or Ctrl-D leaves, Ctrl-C stops an answer. MOLTBOT_API_KEY may hold the key.`,
		RunE: func(cmd *cobra.Command, words []string) error {
			return converse(cmd.Context(), p, f, strings.Join(words, " "))
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&f.url, "url", "http://"+string(config.Default().Server.Listen)+"/v1", "base `URL` of the server")
	cmd.Flags().StringVar(&f.model, "model", "", "`NAME` of the model; the server's first when empty")
	cmd.Flags().StringVar(&f.system, "system", "", "`TEXT` of the system message")
	cmd.Flags().StringVar(&f.keyFile, "api-key-file", "", "`FILE` whose first key is sent")
	return cmd
}

func converse(ctx context.Context, p process, f chatFlags, message string) error {
	c, err := newConversation(ctx, p, f)
	if err != nil {
		return err
	}
	if message == "" && !isTerminal(p.in) {
		piped, err := io.ReadAll(p.in)
		if err != nil {
			return fmt.Errorf("read the message: %w", err)
		}
		if message = strings.TrimSpace(string(piped)); message == "" {
			return errors.New("there is no message; write one as an argument or into the pipe")
		}
	}
	if message == "" {
		return c.talk(ctx, p.in)
	}
	return c.explain(c.answer(ctx, message))
}

// newConversation connects to the server and picks the model.
func newConversation(ctx context.Context, p process, f chatFlags) (*conversation, error) {
	key := p.lookup(config.EnvAPIKey)
	if f.keyFile != "" {
		found, err := readKeys(f.keyFile)
		if err != nil {
			return nil, err
		}
		key = found.keys[0]
	}
	// The services are made one by one: a whole client would send OPENAI_API_KEY.
	opts := []option.RequestOption{option.WithBaseURL(f.url), option.WithMaxRetries(0)}
	if key != "" {
		opts = append(opts, option.WithAPIKey(key))
	}
	c := &conversation{url: f.url, system: f.system, out: p.out, notes: p.err, terminal: isTerminal(p.out)}
	c.completions = openai.NewChatCompletionService(opts...)
	served := openai.NewModelService(opts...)
	list, err := served.List(ctx)
	if err != nil {
		return nil, c.explain(err)
	}
	if c.model = f.model; c.model == "" && len(list.Data) > 0 {
		c.model = list.Data[0].ID
	}
	c.reset()
	return c, nil
}

// explain says in one line what a failed request means for the person who chats.
func (c *conversation) explain(err error) error {
	if answer, ok := errors.AsType[*openai.Error](err); ok {
		if answer.StatusCode == 401 {
			return fmt.Errorf("the server wants an API key: give it with --api-key-file or %s", config.EnvAPIKey)
		}
		if answer.Message == "" {
			return fmt.Errorf("%s answers %d: is this the base URL of an OpenAI endpoint?", c.url, answer.StatusCode)
		}
		return errors.New(answer.Message)
	}
	if failed, ok := errors.AsType[*ssestream.StreamError](err); ok {
		return errors.New(cmp.Or(messageOf(failed.Event.Data), failed.Message))
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("no server at %s: start one with `moltbot`", c.url)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("no answer from %s: %w", c.url, u.Err)
	}
	return err
}

// messageOf reads the text of an error event.
func messageOf(event []byte) string {
	var body struct{ Error struct{ Message string } }
	_ = json.Unmarshal(event, &body) // what isn't JSON has no message
	return body.Error.Message
}

// isTerminal tells whether a person is at the other end.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
