package workload

import "github.com/moltbot/moltbot/bench/load"

// single is one client with fresh prompts of a given length and answers of a given length.
var single = Workload{
	Name:     "single",
	About:    "One stream: a fresh prompt, an answer of full length, the next. Decode and prefill speed of an idle server.",
	Defaults: Options{Requests: 2, Concurrency: 1, Prompt: 256, Output: 128},
	Phases: func(o Options) []load.Phase {
		return []load.Phase{
			warmUp(1, func(i int) load.Session { return o.one("single, warm-up", "warm-up", i) }),
			counted("single", o.stream("single", func(i int) load.Session { return o.one("single", "single", i) })),
		}
	},
}
