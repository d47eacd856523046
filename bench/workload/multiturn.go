package workload

import "github.com/moltbot/moltbot/bench/load"

// multiturn keeps more conversations alive than the cache can hold.
var multiturn = Workload{
	Name:     "multiturn",
	About:    "Conversations that together are twice the KV cache (--kv-tokens) and take turns, so that each returns when much else has come between.",
	Defaults: Options{Concurrency: 4, Prompt: 768, Output: 32, KV: 8192},
	Phases: func(o Options) []load.Phase {
		talks := load.Stream{
			Session:    o.conversation,
			Count:      o.conversations(),
			Clients:    o.Concurrency,
			For:        o.Duration,
			Interleave: true,
		}
		return []load.Phase{
			warmUp(1, func(i int) load.Session { return o.chatSession("multiturn, warm-up", "warm-up", i) }),
			counted("multiturn", talks),
		}
	},
}

// conversationTurns is the number of requests of a conversation.
const conversationTurns = 4

// conversations is how many of o.Prompt tokens are twice the cache.
func (o Options) conversations() int {
	if o.Requests > 0 {
		return o.Requests
	}
	return max((2*o.KV+o.Prompt-1)/o.Prompt, 2)
}

// conversation grows to o.Prompt tokens over its turns.
func (o Options) conversation(i int) load.Session {
	var s load.Session
	rng := o.random("conversation", i)
	for turn := range conversationTurns {
		class := "first turn"
		if turn > 0 {
			class = "later turns"
		}
		text := words(rng, max(o.Prompt/conversationTurns-o.Output, 1))
		s.Turns = append(s.Turns, load.Turn{Class: class, Add: user(text), Tokens: o.Output, Fields: full})
	}
	return s
}
