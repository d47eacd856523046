package batching

// pass is how many rows kernels compute at once, or a divisor of that: the
// matrix products of llama.cpp on a CPU compute a rest of fewer rows one by one.
const pass = 4

// Pad returns how many rows more, whose scores nobody reads, make a step take the
// least time: fewer than fill up the kernels' last pass. 0 is right wherever more
// scores never take less time.
func (c *Costs) Pad(s Step) int { return c.padded(s).Outputs - s.Outputs }

// worth is what padding must save, as a part of the step: less is within the noise.
const worth = 0.03

// padded returns the step with the rows that make it shortest.
func (c *Costs) padded(s Step) Step {
	if s.Outputs < 2 || len(c.Scores) == 0 {
		return s
	}
	best, least := s, c.exact(s)*(1-worth)
	for n := 1; n < pass; n++ {
		more := Step{s.Rows + n, s.Outputs + n, s.Cells}
		if took := c.exact(more); took < least {
			best, least = more, took
		}
	}
	return best
}

// scores returns the nanoseconds that the scores of so many rows add to those of
// one. Beyond the table whole passes cost in proportion, and a rest as much more
// or less than a whole pass as at the table's end.
func (c *Costs) scores(n int) float64 {
	most := len(c.Scores)
	switch {
	case n < 2 || most == 0:
		return 0
	case n <= most:
		return c.Scores[n-1]
	case most < pass:
		return c.Scores[most-1] * float64(n) / float64(most)
	}
	whole := float64((n + pass - 1) / pass * pass)
	rest := c.Scores[most-pass+(n-1)%pass] - c.Scores[most-1]
	return max(0, c.Scores[most-1]*whole/float64(most)+rest)
}
