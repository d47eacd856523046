package batching

import "time"

// Outcome is what came of rows whose Last is set.
type Outcome struct {
	ID     ReqID
	Tokens int  // that the request knows from now on besides: kept drafts, and at least one that was sampled or forced
	Kept   int  // of Rows.Draft, the first ones that came true: they stay computed; the caller forgets the others
	Ended  bool // the request is forgotten
}

// Commit records that plan was computed in that time, drawing its guesses
// included, and what its Last rows gave.
func (s *Scheduler) Commit(plan Plan, outcomes []Outcome, took time.Duration) {
	s.costs.Observe(s.priced(plan.Len(), s.outputs(plan)), took-s.drawing())
	s.turns.spent += took
	s.decodeNext, s.most, s.beside = s.promptStep, s.limits.Rows, s.limits.Seqs
	for _, rows := range plan {
		if r := s.live[rows.ID]; r != nil {
			r.computed = rows.From + rows.N - rows.Draft
			r.reached = max(r.reached, r.computed)
			r.drafted, r.drawn = rows.Draft, rows.Drawn
		}
	}
	for _, o := range outcomes {
		if r := s.live[o.ID]; r != nil {
			s.settle(r, o)
		}
	}
}

func (s *Scheduler) settle(r *request, o Outcome) {
	s.learn(r, r.drafted, o.Kept)
	r.computed += o.Kept
	r.reached = max(r.reached, r.computed)
	r.known += o.Tokens
	s.tenants.charge(r.tenant, outputWeight*float64(o.Tokens))
	if o.Ended {
		s.gate.ended(r.known - r.prompt)
		s.forget(r)
	}
}

// drawing returns how long guessing for the plan took.
func (s *Scheduler) drawing() time.Duration {
	if s.drafter == nil {
		return 0
	}
	return s.drafter.took
}
