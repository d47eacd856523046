package sample

const shellCount = 256

// shells are rings of equal width around a centre; each knows its weight.
type shells struct {
	centre   float64
	perLogit float64 // shells; none lies beyond the last
	weights  [shellCount]float64
}

func (s *shells) of(c *candidate) int { return int(c.distance(s.centre) * s.perLogit) }

func (s *shells) fill(list []candidate) {
	for i := range list {
		s.weights[s.of(&list[i])] += list[i].weight
	}
}

// reach returns the shell in which the weights, added from the centre on, reach
// a sum, and the weight inside of that shell. When they don't it is the last
// shell that has any.
func (s *shells) reach(weight float64) (at int, inner float64) {
	sum := 0.0
	for i, own := range s.weights {
		if own == 0 {
			continue
		}
		at, inner = i, sum
		if sum += own; sum >= weight {
			break
		}
	}
	return at, inner
}

func (s *shells) appendShell(to, list []candidate, at int) []candidate {
	for i := range list {
		if s.of(&list[i]) == at {
			to = append(to, list[i])
		}
	}
	return to
}
