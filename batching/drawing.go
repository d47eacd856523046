package batching

import (
	"math"
	"sort"
	"time"
)

// drawer is a request that the draft model may guess for.
type drawer struct {
	*request
	at     int     // index in the plan
	lag    int     // tokens to compute before the first guess
	most   int     // guesses
	chance float64 // that all guesses so far come true
	said   float64 // tokens expected of what was said already
}

// drawing is a step's guessing in the making.
type drawing struct {
	*planner
	*drafter
	rate  float64       // tokens per nanosecond without guesses
	left  time.Duration // that guessing may still take
	free  int           // rows that there are for guesses
	least float64       // the chance below which a guess can't pay
	drawn int           // guesses so far
}

// draw lets the draft model guess for requests of the plan as long as that
// promises more tokens per time, and lists its guesses among the gains.
func (p *planner) draw(base, decodes, free int, least float64) {
	if p.s.drafter == nil || p.prompting {
		return
	}
	g := drawing{
		planner: p, drafter: p.s.drafter, left: math.MaxInt64 / 2, free: free, least: least,
		rate: float64(decodes) / max(1, float64(p.s.cost(base, decodes))),
	}
	if step := p.s.limits.Step; step > 0 {
		g.left = step * time.Duration(1+1/decodes) // as in draftRoom
	}
	list := g.ready(g.candidates())
	going := list[:g.best(list)]
	for _, d := range list[len(going):] {
		d.idle++
	}
	g.rounds(going)
	g.gather(list)
}

// candidates lists the requests for which the draft model promises more than what
// was said already, the most promising first.
func (g *drawing) candidates() []drawer {
	list := g.list[:0]
	for i, rows := range g.plan {
		if r := g.s.live[rows.ID]; g.drafting(r, rows) {
			d := drawer{request: r, at: i, chance: 1, most: g.mostFor(r, g.free)}
			if g.promises(&d) {
				list = append(list, d)
			}
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].trust.next > list[j].trust.next })
	g.list = list
	return list
}

// promises tells whether the draft model can guess for d, and its guesses are likelier
// than what was said already.
func (g *drawing) promises(d *drawer) bool {
	first := g.said(d)
	if d.most < 1 || first >= max(d.trust.next, firstTrust.next) {
		return false
	}
	if d.lag = g.Lag(d.id); d.lag < 1 {
		return false
	}
	if d.retry(d.lag); d.trial {
		d.most = 1
	}
	if d.trust.next <= max(g.least, first) {
		d.idle++
		return false
	}
	return true
}

// said sums what the drafts listed already promise of d, and returns the chance of the first.
func (g *drawing) said(d *drawer) (first float64) {
	for _, gain := range g.s.gains {
		if gain.at == d.at {
			first = max(first, gain.tokens)
			d.said += gain.tokens
		}
	}
	return first
}

// ready keeps those for which the draft model has little to catch up. For one of
// the others it does a part of that, where it pays back.
func (g *drawing) ready(list []drawer) []drawer {
	rows, caught := 0, false
	keep := list[:0]
	for _, d := range list {
		switch {
		case d.lag <= burst && rows+d.lag <= g.wide:
			rows += d.lag
			keep = append(keep, d)
		case d.lag > burst && !caught && g.paysBack(d):
			caught = true
			g.catchUp(d)
		default:
			d.idle++
		}
	}
	return keep
}

// paysBack tells whether d has enough tokens before it to make good for what there
// is to catch up.
func (g *drawing) paysBack(d drawer) bool {
	price := g.rate * float64(g.price(d.lag, 0))
	d.lag = 1
	tokens, profit := g.profit([]drawer{d})
	steps := float64(g.expected(d.request)) / (1 + tokens)
	return profit*steps > price
}

// unknown is how many tokens an answer has before any has ended.
const unknown = 256

// expected returns how many tokens r is likely to generate from now on.
func (g *drawing) expected(r *request) int {
	mean := unknown
	if g.s.gate.answers > 0 {
		mean = max(1, int(g.s.gate.answers))
	}
	return r.remaining(mean)
}

// catchUp computes known tokens of d, as many as the time allows, and leaves the
// last one for the step that guesses.
func (g *drawing) catchUp(d drawer) {
	n := min(d.lag-1, g.wide)
	n = max(1, sort.Search(n, func(i int) bool { return g.price(i+1, 0) > g.left }))
	d.idle = 0
	g.step([]Ask{{ID: d.id, Rows: n}})
}

// price predicts a step of the draft model.
func (g *drawing) price(rows, outputs int) time.Duration {
	return g.costs.Predict(g.s.priced(rows, outputs))
}

// step lets the draft model compute and learns what that takes.
func (g *drawing) step(asks []Ask) (sure []float64) {
	rows, outputs := 0, 0
	for _, a := range asks {
		rows += a.Rows
	}
	sure, took := g.Draw(asks)
	for _, s := range sure {
		if s > 0 {
			outputs++
		}
	}
	g.left -= g.price(rows, outputs)
	g.took += took
	g.costs.Observe(g.s.priced(rows, outputs), took)
	return sure
}

// best returns with how many of the list, the first ones, guessing pays most.
func (g *drawing) best(list []drawer) (n int) {
	most := 0.
	for i := range list {
		if _, profit := g.profit(list[:i+1]); profit > most {
			n, most = i+1, profit
		}
	}
	return n
}

// profit returns how many tokens guessing on for these adds to the step, in as many
// rounds as pay best, and how many of them the time would not give without; 0: none.
func (g *drawing) profit(list []drawer) (tokens, profit float64) {
	drawn, spent, sum := g.drawn, time.Duration(0), 0.
	now, left := g.costWith(drawn), g.left+g.costWith(0)
	for round := 1; ; round++ {
		gained, rows, n := describe(list, round)
		if n == 0 {
			return tokens, profit
		}
		sum += gained
		drawn += n
		took := g.price(rows, n)
		spent += took
		verified := g.costWith(drawn)
		if drawn > g.free || spent+verified > left || gained <= g.rate*float64(took) {
			return tokens, profit
		}
		if net := sum - g.rate*float64(spent+verified-now); net > profit {
			tokens, profit = sum, net
		}
	}
}

// describe tells of a coming round of guesses the tokens expected of it, the rows that the
// draft model computes, and the guesses.
func describe(list []drawer, round int) (tokens float64, rows, guesses int) {
	for _, d := range list {
		if len(d.levels)+round > d.most {
			continue
		}
		tokens += d.chance * math.Pow(d.trust.next, float64(round))
		guesses++
		rows++
		if round == 1 && len(d.levels) == 0 {
			rows += d.lag - 1
		}
	}
	return tokens, rows, guesses
}

// rounds draws a guess for each of the list, then another for each that it still pays for.
func (g *drawing) rounds(list []drawer) {
	for len(list) > 0 {
		if _, profit := g.profit(list); profit <= 0 {
			return
		}
		g.asks = g.asks[:0]
		for _, d := range list {
			rows := 1
			if len(d.levels) == 0 {
				rows = d.lag
			}
			g.asks = append(g.asks, Ask{ID: d.id, Guesses: len(d.levels), Rows: rows})
		}
		list = g.hear(list, g.step(g.asks))
	}
}

// hear notes what was guessed and returns who may go on, at the front of the list.
func (g *drawing) hear(list []drawer, sure []float64) []drawer {
	on := 0
	for i := range list {
		d := &list[i]
		d.idle = 0
		if sure[i] <= 0 {
			continue
		}
		l := level(sure[i])
		d.levels = append(d.levels, l)
		d.chance *= d.trust.by[l]
		g.drawn++
		if d.chance*d.trust.next > g.least && len(d.levels) < d.most {
			list[on], list[i] = list[i], list[on]
			on++
		}
	}
	return list[:on]
}

// gather lists the guesses as gains, in place of what was said already where they
// promise more.
func (g *drawing) gather(list []drawer) {
	for _, d := range list {
		tokens, chance := 0., 1.
		for _, l := range d.levels {
			chance *= d.trust.by[l]
			tokens += chance
		}
		if tokens <= d.said {
			continue
		}
		g.forgo(d.at)
		chance = 1
		for _, l := range d.levels {
			chance *= d.trust.by[l]
			g.s.gains = append(g.s.gains, gain{at: d.at, tokens: chance, drawn: true})
		}
	}
}
