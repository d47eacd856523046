package batching

import (
	"fmt"
	"math"
	"time"
)

// Drafter is a draft model: a small one that guesses what the model will say. It
// computes while a step is planned. engine implements it.
type Drafter interface {
	// Lag returns how many known tokens of a request the draft model has to compute
	// before it can guess, at least 1; 0: it can't guess for this one.
	Lag(ReqID) int
	// Draw lets it compute rows of these requests in one step. sure tells, for each
	// ask that reached its last token, how likely the draft model holds the token
	// that it guesses to follow; else, and where it guesses none, 0. took is the
	// time of the step; 0: it failed.
	Draw([]Ask) (sure []float64, took time.Duration)
}

// Ask is what the draft model is to compute of a request: its known tokens and
// so many of the guesses that follow them, as far as that isn't done.
type Ask struct {
	ID      ReqID
	Guesses int
	Rows    int // at most
}

// drafter is a draft model and what is known of it.
type drafter struct {
	Drafter
	costs *Costs
	wide  int           // rows of one of its steps at most
	trust trust         // over all requests
	took  time.Duration // for the step that is planned
	asks  []Ask         // scratch
	list  []drawer      // scratch
}

// DraftWith lets a draft model guess where what was said already tells little. Its
// steps have at most so many rows, at least Limits.Seqs; costs are refined by each.
func (s *Scheduler) DraftWith(d Drafter, costs *Costs, rows int) error {
	if rows < s.limits.Seqs {
		return fmt.Errorf("batching: a step of %d rows can't guess for %d sequences", rows, s.limits.Seqs)
	}
	if err := costs.Check(); err != nil {
		return fmt.Errorf("the draft model: %w", err)
	}
	s.drafter = &drafter{Drafter: d, costs: costs, wide: rows, trust: firstTrust}
	return nil
}

// trust is how often guesses of a draft model come true.
type trust struct {
	by   [8]float64 // by how sure it was: level tells the place
	next float64    // of one that isn't drawn yet
}

// firstTrust is what is believed before anything is known: that it is right about
// as often as it says.
var firstTrust = trust{[8]float64{0.3, 0.6, 0.8, 0.9, 0.94, 0.97, 0.98, 0.99}, 0.8}

// level returns the place of a guess in trust.by: each halves the doubt of the one before.
func level(sure float64) uint8 {
	return uint8(min(7, max(0, int(-math.Log2(1-min(sure, 0.999))))))
}

// hopes raises trust to what is believed before anything is known.
func (t *trust) hopes() {
	for i, first := range firstTrust.by {
		t.by[i] = max(t.by[i], first)
	}
	t.next = max(t.next, firstTrust.next)
}

// learn hears of a guess that was verified.
func (t *trust) learn(level uint8, came, trial float64) {
	t.by[level] += (came - t.by[level]) * trial
	t.next += (came - t.next) * trial
}

// retry trusts the draft model anew after a while without it: the longer, the
// more there was to catch up, and twice as long each time it was in vain. Until a
// guess comes true it gets one a step.
func (r *request) retry(lag int) {
	if r.trust.next < firstTrust.next && r.idle >= r.wait+max(0, lag-r.idle) {
		r.idle, r.wait, r.trial = 0, min(2*r.wait, longestWait), true
		r.trust.hopes()
	}
}

const (
	longestWait = 16 * tryAgain
	// allGuesses is what a guess counts for among those of all requests, which are
	// more alike than what is copied.
	allGuesses = 1. / 32
)

// learnDrawn hears how many of so many guesses came true that the step verified.
// Those that it did without are taken for what their level says.
func (s *Scheduler) learnDrawn(r *request, drafted, kept int) {
	for i, l := range r.levels {
		switch {
		case i >= drafted:
			r.trust.next += (r.trust.by[l] - r.trust.next) * ownTrial
		case i < kept:
			r.trust.learn(l, 1, ownTrial)
			s.drafter.trust.learn(l, 1, allGuesses)
		case i == kept:
			r.trust.learn(l, 0, ownTrial)
			s.drafter.trust.learn(l, 0, allGuesses)
		}
	}
	if drafted > 0 && kept > 0 {
		r.wait, r.trial = tryAgain, false
	}
	r.levels = r.levels[:0]
}
