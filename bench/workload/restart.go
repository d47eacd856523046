package workload

import "github.com/moltbot/moltbot/bench/load"

// restart is what the first user meets after a start: targets that are spawned
// start anew for each turn, and the system prompt is the same in all rounds, so
// that a server may have it from before.
var restart = Workload{
	Name:     "restart",
	About:    "The first request behind a long system prompt that every round has, then others behind it. With --spawn each turn begins with a start of the server.",
	Defaults: Options{Requests: 3, Concurrency: 1, Prompt: 2000, Output: 8},
	Phases: func(o Options) []load.Phase {
		return []load.Phase{
			warmUp(1, func(i int) load.Session { return o.chatSession("restart, warm-up", "warm-up", i) }),
			counted("restart", o.stream("restart", o.restarted)),
		}
	},
}

// restarted asks something new behind the system prompt.
func (o Options) restarted(i int) load.Session {
	class := "first"
	if i > 0 {
		class = "again"
	}
	s := load.Session{Opening: system(o.standing())}
	s.Turns = []load.Turn{{Class: class, Add: user(words(o.random("restart", i), 16)), Tokens: o.Output, Fields: full}}
	return s
}

// standing is the system prompt that outlives a restart: it depends on the seed, not on the round.
func (o Options) standing() string {
	o.Round = 0
	return words(o.random("standing instructions", 0), max(o.Prompt, 1))
}
