package workload

import (
	"fmt"
	"strings"

	"github.com/moltbot/moltbot/bench/load"
)

// grounded has the model copy from its prompt, where drafts from the prompt help.
var grounded = Workload{
	Name:     "grounded",
	About:    "A passage that the answer repeats word for word: text copied from the prompt.",
	Defaults: Options{Requests: 2, Concurrency: 1, Prompt: 256, Output: 128},
	Phases: func(o Options) []load.Phase {
		return []load.Phase{
			warmUp(1, func(i int) load.Session { return o.copying("grounded, warm-up", i) }),
			counted("grounded", o.stream("grounded", func(i int) load.Session { return o.copying("grounded", i) })),
		}
	},
}

// copied is how many words an answer must have copied.
const copied = 8

func (o Options) copying(what string, i int) load.Session {
	passage := words(o.random(what, i), max(o.Prompt-24, copied))
	text := fmt.Sprintf("Repeat this text word for word, from its beginning to its end:\n\n%s\n\nNow the same text again:", passage)
	start := strings.Join(strings.Fields(passage)[:copied], " ")
	turn := load.Turn{Class: "grounded", Add: user(text), Tokens: o.Output, Fields: full, Check: func(answer string) error {
		if !strings.Contains(strings.Join(strings.Fields(answer), " "), start) {
			return fmt.Errorf("the passage's first %d words are not in the answer", copied)
		}
		return nil
	}}
	return load.Session{Turns: []load.Turn{turn}}
}
