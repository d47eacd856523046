package workload

import (
	"maps"

	"github.com/moltbot/moltbot/bench/load"
)

// offline is a batch that nobody waits for, and so of the tier for that.
var offline = Workload{
	Name:     "offline",
	About:    "All requests at once, of many lengths and the flex tier; what counts is when the last is done.",
	Defaults: Options{Requests: 64, Concurrency: 64, Prompt: 256, Output: 64},
	Phases: func(o Options) []load.Phase {
		if o.Requests > 0 {
			o.Concurrency = o.Requests
		}
		return []load.Phase{
			warmUp(1, func(i int) load.Session { return o.line("offline, warm-up", i) }),
			counted("offline", o.stream("offline", func(i int) load.Session { return o.line("offline", i) })),
		}
	},
}

// line is a request of a half to one and a half of the usual lengths.
func (o Options) line(what string, i int) load.Session {
	rng := o.random(what+", lengths", i)
	o.Prompt = o.Prompt/2 + rng.IntN(o.Prompt+1)
	o.Output = o.Output/2 + rng.IntN(o.Output+1)
	s := o.one(what, "offline", i)
	s.Turns[0].Fields = maps.Clone(full)
	s.Turns[0].Fields["service_tier"] = "flex"
	return s
}
