package workload

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moltbot/moltbot/bench/load"
)

// Programs that call tools: long instructions that many sessions share, then
// turns that bring the results of tools. Cold: instructions that the target has
// never seen. Steady: instructions that were used before.
var (
	agentsCold = Workload{
		Name:     "agents-cold",
		About:    "Tool users with long shared system prompts and several turns; each round has system prompts never seen before.",
		Defaults: agentsDefaults,
		Phases: func(o Options) []load.Phase {
			return []load.Phase{
				warmUp(1, func(i int) load.Session { return o.chatSession("agents, warm-up", "warm-up", i) }),
				o.agentsPhase("agents-cold"),
			}
		},
	}
	agentsSteady = Workload{
		Name:     "agents-steady",
		About:    "The same after a warm-up in which every system prompt was used.",
		Defaults: agentsDefaults,
		Phases: func(o Options) []load.Phase {
			return []load.Phase{
				warmUp(o.crews(), func(i int) load.Session { return o.agent("agents-steady, warm-up", i, i) }),
				o.agentsPhase("agents-steady"),
			}
		},
	}
	agentsDefaults = Options{Requests: 16, Concurrency: 8, Prompt: 600, Output: 48}
)

const (
	agentTurns = 3 // requests of a session
	crewSize   = 8 // sessions that share a system prompt
)

// crews is the number of different system prompts.
func (o Options) crews() int {
	return max(max(o.Requests, o.Concurrency)/crewSize, 1)
}

func (o Options) agentsPhase(name string) load.Phase {
	return counted(name, o.stream(name, func(i int) load.Session { return o.agent(name, i, i%o.crews()) }))
}

// agent is a session of a crew; what names its own part.
func (o Options) agent(what string, i, crew int) load.Session {
	rng := o.random(what, i)
	s := load.Session{Opening: system(o.instructions(crew))}
	for turn := range agentTurns {
		item, code := common[rng.IntN(len(common))], common[rng.IntN(len(common))]
		text := fmt.Sprintf(`Find the shelf of the item %q for order %d and tell its name.`, item, rng.IntN(1e6))
		class := "first turn"
		if turn > 0 {
			text = fmt.Sprintf("Result of the tool search_stock: {\"item\": %q, \"shelf\": %q, \"count\": %d}\nTell the name of the shelf.", item, code, rng.IntN(90)+10)
			class = "later turns"
		}
		one := load.Turn{Class: class, Add: user(text), Tokens: o.Output, Fields: full}
		if turn > 0 {
			one.Check = contains(code)
		}
		s.Turns = append(s.Turns, one)
	}
	return s
}

// instructions are the system prompt of a crew: rules, and tools as JSON schemas.
func (o Options) instructions(crew int) string {
	rng := o.random("instructions", crew)
	var b strings.Builder
	fmt.Fprintf(&b, "You work in warehouse %06d. You have these tools:\n", rng.IntN(1e6))
	for _, tool := range slices.Sorted(maps.Keys(tools)) {
		fmt.Fprintf(&b, "{\"name\": %q, \"description\": %q, \"parameters\": {\"type\": \"object\", \"properties\": {\"item\": {\"type\": \"string\"}}}}\n", tool, tools[tool])
	}
	b.WriteString("Follow these rules:\n")
	b.WriteString(words(rng, max(o.Prompt-toolTokens, 1)))
	return b.String()
}

var tools = map[string]string{
	"search_stock": "Find the shelf and the count of an item.",
	"move_item":    "Move an item to another shelf.",
	"order_item":   "Order more of an item.",
}

// toolTokens is about what the tools take of a system prompt.
const toolTokens = 150
