package workload

import (
	"time"

	"github.com/moltbot/moltbot/bench/load"
)

// cancel has clients that go away beside clients that stay.
var cancel = Workload{
	Name:     "cancel",
	About:    "Clients that stay, first alone, then beside as many that leave in the prefill or after a few tokens; how much those who stay suffer.",
	Defaults: Options{Requests: 8, Concurrency: 4, Prompt: 128, Output: 64},
	Control:  alone,
	Phases: func(o Options) []load.Phase {
		stay := func(what string) load.Stream {
			return o.stream(what, func(i int) load.Session { return o.one("cancel, "+what, "stay", i) })
		}
		return []load.Phase{
			warmUp(1, func(i int) load.Session { return o.one("cancel, warm-up", "warm-up", i) }),
			counted(alone, stay(alone)),
			counted("beside", stay("beside"), o.leavers()),
		}
	},
}

const (
	alone       = "alone"                // the phase without leavers
	leaveEarly  = 100 * time.Millisecond // most often in the prefill
	leaveTokens = 4
)

// leavers ask for long answers to long prompts and go away.
func (o Options) leavers() load.Stream {
	long := o
	long.Prompt, long.Output = 4*o.Prompt, 4*o.Output
	return load.Stream{
		Session: func(i int) load.Session {
			s := long.one("cancel, leave", "leave", i)
			if i%2 == 0 {
				s.Turns[0].Leave.After = leaveEarly
			} else {
				s.Turns[0].Leave.Events = leaveTokens
			}
			return s
		},
		Clients:    o.Concurrency,
		Background: true,
	}
}
