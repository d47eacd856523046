package batching

import "time"

// yields is how many steps a decode waits for prompts of a higher class: at
// 25 ms a step for a fifth of a second.
const yields = 8

// rankPrompts finds the highest class among the prompts that may have rows in the
// step. Where steps fuse, decodes hold up no prompt, and so yield to none.
func (p *planner) rankPrompts() {
	if p.s.limits.Fuse {
		return
	}
	if head := p.open(); head != nil {
		p.urgent = int(head.class)
	}
	for _, r := range p.s.running {
		if p.mine(r) && !r.decoding() {
			p.urgent = max(p.urgent, int(r.class))
		}
	}
}

// insists tells whether a decode gets its rows before prompts get more: it is of
// no lower class than the highest of them, or has waited long enough.
func (p *planner) insists(r *request) bool {
	return int(r.class) >= p.urgent || p.s.step-r.planned > yields
}

// calm is how many times Limits.Step decodes of the flex class are delayed. It
// makes batches of them a tenth faster (docs/benchmarks/README.md).
const calm = 4

// delay returns how long prompt rows may make decodes wait: for as long as a step of
// theirs takes where that is more than Limits.Step, so that prompts on a slow machine
// don't come in crumbs.
func (p *planner) delay() time.Duration {
	flex := func(r *request) bool { return r.class <= FlexClass }
	step := max(p.s.limits.Step, p.decodeStep())
	if p.decode(flex) && !p.decode(func(r *request) bool { return !flex(r) }) {
		return calm * step
	}
	return step
}

// decodeStep predicts a step of all decodes, a row each.
func (p *planner) decodeStep() time.Duration {
	n := 0
	for _, r := range p.s.running {
		if p.mine(r) && r.decoding() {
			n++
		}
	}
	return p.s.cost(n, n)
}
