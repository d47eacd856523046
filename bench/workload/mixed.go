package workload

import "github.com/moltbot/moltbot/bench/load"

// mixed has long prompts come in while others decode.
var mixed = Workload{
	Name:     "mixed",
	About:    "Clients that decode all the time, short prompts that arrive at random, and long prompts that arrive a quarter as often; each kind is told apart.",
	Defaults: Options{Requests: 16, Concurrency: 3, Rate: 0.5, Prompt: 1000, Output: 128},
	Phases: func(o Options) []load.Phase {
		short, long := o, o
		short.Prompt, short.Output = shortPrompt, o.Output/4
		long.Rate, long.Output, long.Requests = o.Rate/longShare, o.Output/8, (o.Requests+longShare-1)/longShare
		return []load.Phase{
			warmUp(1, func(i int) load.Session { return o.one("mixed, warm-up", "warm-up", i) }),
			counted("mixed",
				o.decoders(),
				short.stream("short", func(i int) load.Session { return short.one("mixed, short", "short", i) }),
				long.stream("long", func(i int) load.Session { return long.one("mixed, long", "long", i) }),
			),
		}
	},
}

const (
	shortPrompt = 32 // tokens
	longShare   = 4  // short prompts for one long one
)

// decoders are clients with short prompts and long answers, for as long as the others come.
func (o Options) decoders() load.Stream {
	d := o
	d.Prompt, d.Output = shortPrompt, 2*o.Output
	return load.Stream{
		Session:    func(i int) load.Session { return d.one("mixed, decoder", "decoder", i) },
		Clients:    o.Concurrency,
		Background: true,
	}
}

// one is a session of one request with a random prompt and an answer of full length.
func (o Options) one(what, class string, i int) load.Session {
	turn := load.Turn{Class: class, Add: user(words(o.random(what, i), max(o.Prompt, 1))), Tokens: max(o.Output, 1), Fields: full}
	return load.Session{Turns: []load.Turn{turn}}
}
