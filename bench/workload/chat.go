package workload

import (
	"fmt"
	"strings"

	"github.com/moltbot/moltbot/bench/load"
)

// chat is many short conversations at once.
var chat = Workload{
	Name:     "chat",
	About:    "A burst of short chats by many clients at once, each with a prompt of its own.",
	Defaults: Options{Requests: 32, Concurrency: 16, Prompt: 48, Output: 64},
	Phases: func(o Options) []load.Phase {
		return []load.Phase{
			warmUp(1, func(i int) load.Session { return o.chatSession("chat, warm-up", "chat", i) }),
			counted("chat", o.stream("chat", func(i int) load.Session { return o.chatSession("chat", "chat", i) })),
		}
	},
}

// chatSession asks for one word of a short list.
func (o Options) chatSession(what, class string, i int) load.Session {
	return load.Session{Turns: []load.Turn{o.chatTurn(what, class, i)}}
}

func (o Options) chatTurn(what, class string, i int) load.Turn {
	rng := o.random(what, i)
	word := common[rng.IntN(len(common))]
	text := fmt.Sprintf("Note %06d: %s\nThe password of today is %q. Tell me the password, then write about it.", rng.IntN(1e6), words(rng, max(o.Prompt-24, 1)), word)
	return load.Turn{Class: class, Add: user(text), Tokens: o.Output, Fields: full, Check: contains(word)}
}

// contains checks that an answer has a word.
func contains(word string) func(string) error {
	return func(answer string) error {
		if !strings.Contains(strings.ToLower(answer), word) {
			return fmt.Errorf("%q is not in the answer", word)
		}
		return nil
	}
}
