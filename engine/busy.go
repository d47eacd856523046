package engine

import "time"

// busy says how full the queue is. A hint only: what waits is counted in
// tokens, at the pace of the prompts computed so far.
func (e *Engine) busy() error {
	_, waiting := e.sched.Load()
	return &BusyError{Waiting: waiting, RetryAfter: e.pace.predict(e.sched.Ahead())}
}

// pace is how fast tokens were computed lately.
type pace struct {
	perToken time.Duration // a moving average
}

// observe hears of a step.
func (p *pace) observe(tokens int, took time.Duration) {
	per := took / time.Duration(tokens)
	if p.perToken == 0 {
		p.perToken = per
	}
	p.perToken += (per - p.perToken) / 16
}

// predict returns how long so many tokens would take, at least a second.
func (p *pace) predict(tokens int) time.Duration {
	return max(time.Second, time.Duration(tokens)*p.perToken)
}
