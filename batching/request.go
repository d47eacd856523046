package batching

import "time"

// request is what the policy knows of a request.
type request struct {
	id        ReqID
	tenant    *tenant
	class     Class
	prompt    int // tokens
	maxTokens int // that it may generate; 0: unknown
	deadline  time.Time
	everyRow  bool
	adapter   string

	known    int       // prompt and generated tokens
	computed int       // of these, in the KV cache
	reached  int       // the most that ever were computed
	charged  int       // prompt tokens that the tenant pays for
	since    time.Time // of its arrival
	served   time.Time // when it started or last got rows
	runs     bool      // it has a sequence
	begun    bool      // it had one before
	rank     int       // class that it counted as when it started: who counts less can't push it out

	own    int    // while it waits: what it counts as among its tenant's, as of tenant.ranked
	prefix Prefix // as of epoch looked
	looked int64
	leader *request // the live request behind prefix.Leader
	fork   int      // while it leads: the nearest token where a follower leaves it; 0: none
	boost  int      // while it leads: the most urgent of its followers

	planned int64 // the last step that has rows of it
	inPlan  int   // how many those are
	drafted int   // of the rows computed last
	drawn   bool  // the draft model guessed them
	parked  int64 // the step that paused it, which doesn't start it again

	accept chances // that draft tokens come true
	agree  int     // tokens that vouch for the drafts of the step
	quiet  int     // steps since it had drafts, though there were some

	trust  trust   // that guesses of the draft model come true
	levels []uint8 // how sure it was of those of the step
	idle   int     // steps since it was asked, though it could have been
	wait   int     // steps after which it is tried again
	trial  bool    // it is tried, and no guess came true yet
}

func (r *request) missing() int { return r.known - r.computed }

// burst is how many known rows of one request a decode has at most.
const burst = 16

// decoding tells whether the next rows of r belong to a step for decodes.
func (r *request) decoding() bool {
	return r.missing() == 1 || r.computed >= r.prompt && r.missing() <= burst
}

// rows returns how many rows a waiting request has to compute, as far as is known.
func (r *request) rows() int { return r.known - r.prefix.Ready }

// unspent returns the prompt tokens that are paid for and never were computed.
func (r *request) unspent() int { return max(0, min(r.charged, r.prompt-r.reached)) }

// remaining returns how many tokens r may still generate, at most most.
func (r *request) remaining(most int) int {
	if r.maxTokens == 0 {
		return most
	}
	return max(1, min(most, r.prompt+r.maxTokens-r.known))
}

func byArrival(a, b *request) int { return int(a.id - b.id) }

func newRequest(j Job, now time.Time) *request {
	return &request{
		id: j.ID, class: j.Class, prompt: j.Prompt, known: j.Prompt, maxTokens: j.MaxTokens,
		deadline: j.Deadline, everyRow: j.EveryRow, adapter: j.Adapter, since: now, looked: -1, boost: nobody, wait: tryAgain,
	}
}

// starts hears what a start gave.
func (r *request) starts(got Started, rank int, now time.Time) {
	if !r.begun {
		r.charged = max(0, r.prompt-got.Computed)
	}
	r.computed, r.reached = got.Computed, max(r.reached, got.Computed)
	r.runs, r.begun, r.rank, r.served = true, true, rank, now
	r.leader, r.fork, r.boost = nil, 0, nobody
}

// pauses takes back what a start gave.
func (r *request) pauses(step int64) {
	r.runs, r.computed, r.parked = false, 0, step
	r.prefix, r.looked, r.leader, r.boost = Prefix{}, -1, nil, nobody
}
