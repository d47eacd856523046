package workload

import (
	"fmt"
	"strings"

	"github.com/moltbot/moltbot/bench/load"
)

// grounded has the model copy from its prompt, where drafts from the prompt help.
var grounded = Workload{
	Name:     "grounded",
	About:    "A passage that was repeated once and is to be repeated again: text copied from the prompt.",
	Defaults: Options{Requests: 2, Concurrency: 1, Prompt: 320, Output: 128},
	Phases: func(o Options) []load.Phase {
		return []load.Phase{
			warmUp(1, func(i int) load.Session { return o.copying("grounded, warm-up", i) }),
			counted("grounded", o.stream("grounded", func(i int) load.Session { return o.copying("grounded", i) })),
		}
	},
}

// copied is how many words an answer must have copied.
const copied = 8

// copying is a chat in which a passage was repeated once and is to be repeated
// again: without the example small models answer with something else. The prompt
// holds the passage three times.
func (o Options) copying(what string, i int) load.Session {
	passage := words(o.random(what, i), max((o.Prompt-promptFrame)/3, copied))
	ask := user("Repeat: " + passage)
	start := strings.Join(strings.Fields(passage)[:copied], " ")
	turn := load.Turn{Class: "grounded", Add: ask, Tokens: o.Output, Fields: full, Check: func(answer string) error {
		if !strings.Contains(strings.Join(strings.Fields(answer), " "), start) {
			return fmt.Errorf("the passage's first %d words are not in the answer", copied)
		}
		return nil
	}}
	return load.Session{Opening: append(ask, load.Message{Role: "assistant", Content: passage}), Turns: []load.Turn{turn}}
}

// promptFrame is about what a template and the words around the passages take.
const promptFrame = 48
