package workload

import "github.com/moltbot/moltbot/bench/load"

// Overload is the offered load of workloads with a Capacity, over that capacity.
const Overload = 2

// overload offers twice of what can be served.
var overload = Workload{
	Name:     "overload",
	About:    "An open loop at twice the capacity of the fastest target, which is measured first, in three service tiers; each tier is told apart.",
	Defaults: Options{Requests: 64, Concurrency: 16, Prompt: 128, Output: 32},
	Phases: func(o Options) []load.Phase {
		return []load.Phase{
			warmUp(1, func(i int) load.Session { return o.tiered("overload, warm-up", i) }),
			counted("overload", o.stream("overload", func(i int) load.Session { return o.tiered("overload", i) })),
		}
	},
	Capacity: func(o Options) load.Phase {
		o.Round = capacityRound
		return counted("capacity", o.stream("capacity", func(i int) load.Session { return o.tiered("capacity", i) }))
	},
}

// capacityRound keeps the prompts of the capacity's measuring apart from all rounds'.
const capacityRound = 1 << 20

// tiers, by how often each is drawn.
var tiers = []string{"priority", "priority", "default", "default", "default", "default", "default", "flex", "flex", "flex"}

func (o Options) tiered(what string, i int) load.Session {
	tier := tiers[o.random(what+", tier", i).IntN(len(tiers))]
	s := o.one(what, tier, i)
	s.Turns[0].Fields = map[string]any{"temperature": 0, "ignore_eos": true, "service_tier": tier}
	return s
}
