package engine

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/moltbot/moltbot/batching"
	"github.com/moltbot/moltbot/engine/sample"
)

// Draft is a draft model: a small one that guesses what the model will say. It
// speaks the same vocabulary.
type Draft struct {
	Backend Backend         // with as many sequences as the model's at least; the engine owns it from New's success on
	Costs   *batching.Costs // of its steps, from Calibrate
}

// drafter computes with the draft model: it is the engine's batching.Drafter. A
// request has the same sequence there as in the model's own memory. What it fails
// at costs guesses, never a request.
type drafter struct {
	engine  *Engine
	backend Backend
	shape   Shape
	held    [][]Token // of each sequence
	sure    []float64 // scratch of Draw; so are these
	rows    []Row
	last    []int // the row that gives the scores of an ask; -1: it doesn't reach its end
	failed  bool  // it is asked nothing any more
}

// openDraft lets the scheduler ask the draft model, where there is one.
func (e *Engine) openDraft() error {
	if e.cfg.Draft == nil {
		return nil
	}
	shape := e.cfg.Draft.Backend.Shape()
	switch {
	case e.shape.States:
		return errors.New("the model's memory can't take back a wrong guess, so a draft model is of no use")
	case shape.States:
		return errors.New("the draft model's memory can't take back a wrong guess")
	case shape.Seqs < e.shape.Seqs:
		return fmt.Errorf("the draft model has %d sequences for %d of the model", shape.Seqs, e.shape.Seqs)
	case e.cfg.NoDrafts:
		return nil
	}
	e.drafter = &drafter{engine: e, backend: e.cfg.Draft.Backend, shape: shape, held: make([][]Token, e.shape.Seqs)}
	return e.sched.DraftWith(e.drafter, e.cfg.Draft.Costs, shape.Rows)
}

// closeDraft frees the draft model.
func (e *Engine) closeDraft() {
	if e.cfg.Draft != nil {
		e.cfg.Draft.Backend.Close()
	}
}

// Lag implements batching.Drafter. What another request of the same partition has
// computed there is taken over.
func (d *drafter) Lag(id batching.ReqID) int {
	q := d.engine.live[id]
	if d.failed || q.alone || len(q.tokens)+DraftRows > d.shape.Cells {
		return 0
	}
	common := agreeing(d.held[q.seq], q.tokens)
	if src, n := d.nearest(q); n > common {
		d.drop(q.seq)
		d.backend.Fork(src, q.seq, Pos(n))
		d.held[q.seq] = append(d.held[q.seq], q.tokens[:n]...)
		common = n
	}
	return len(q.tokens) - min(common, len(q.tokens)-1)
}

// worthForking is how many tokens less to compute make a fork worth while.
const worthForking = 64

// nearest returns the sequence of another request that begins most like q, and how
// many tokens can be taken over from it; 0: too few.
func (d *drafter) nearest(q *sequence) (src SeqID, n int) {
	n = agreeing(d.held[q.seq], q.tokens) + worthForking
	if n > len(q.tokens) {
		return 0, 0
	}
	found := 0
	for i, held := range d.held {
		other := d.engine.live[d.engine.holder[SeqID(i)]]
		if len(held) < n || other == nil || other == q || other.stream.request.Partition != q.stream.request.Partition {
			continue
		}
		if same := agreeing(held, q.tokens); same >= n && d.backend.CanResume(SeqID(i), Pos(same)) {
			src, n, found = SeqID(i), same, same
		}
	}
	return src, found
}

// Draw implements batching.Drafter.
func (d *drafter) Draw(asks []batching.Ask) ([]float64, time.Duration) {
	began := time.Now()
	d.rows, d.last, d.sure = d.rows[:0], d.last[:0], d.sure[:0]
	for _, a := range asks {
		d.last = append(d.last, d.add(d.engine.live[a.ID], a))
		d.sure = append(d.sure, 0)
	}
	if err := d.backend.Decode(d.rows); err != nil {
		d.lose(asks, err)
		return d.sure, 0
	}
	for i, a := range asks {
		if row := d.last[i]; row >= 0 {
			d.sure[i] = d.guess(d.engine.live[a.ID], d.backend.Logits(row))
		}
	}
	return d.sure, time.Since(began)
}

// add appends the rows of an ask to the batch and returns which of them gives the
// scores of the next guess; -1: none yet.
func (d *drafter) add(q *sequence, a batching.Ask) (last int) {
	q.guesses = q.guesses[:a.Guesses]
	end := len(q.tokens) + a.Guesses
	from := d.cut(q, end-1)
	to := min(end, from+a.Rows)
	for i := from; i < to; i++ {
		d.held[q.seq] = append(d.held[q.seq], q.foreseen(i))
		d.rows = append(d.rows, Row{Token: d.known(q.foreseen(i)), Pos: Pos(i), Seq: q.seq})
	}
	if to < end {
		return -1
	}
	d.rows[len(d.rows)-1].Output = true
	return len(d.rows) - 1
}

// known returns the token that the draft model reads: of those at the end of the
// vocabulary that it doesn't have, the first of all.
func (d *drafter) known(t Token) Token {
	if int(t) < d.shape.Vocab {
		return t
	}
	return 0
}

// foreseen returns the i-th token of what is known and guessed.
func (q *sequence) foreseen(i int) Token {
	if i < len(q.tokens) {
		return q.tokens[i]
	}
	return q.guesses[i-len(q.tokens)]
}

// cut takes from a sequence what differs from the tokens known and guessed, and
// all from most on, and returns how many are left.
func (d *drafter) cut(q *sequence, most int) int {
	held := d.held[q.seq]
	n := agreeing(held, q.tokens)
	if n == len(q.tokens) {
		n += agreeing(held[n:], q.guesses)
	}
	if n = min(n, most); n == len(held) {
		return n
	}
	if !d.backend.Remove(q.seq, Pos(n)) || !d.backend.CanResume(q.seq, Pos(n)) {
		d.drop(q.seq)
		return 0
	}
	d.held[q.seq] = held[:n]
	return n
}

// guess adds the likeliest token to those guessed, and returns its likelihood; 0
// where there is nothing to verify: the end, or a token that the model doesn't have.
func (d *drafter) guess(q *sequence, logits []float32) (sure float64) {
	_, best := sample.Logprobs(logits, 0, 1)
	if len(best) == 0 || int(best[0].Token) >= d.engine.shape.Vocab || d.engine.vocab.IsEOG(best[0].Token) {
		return 0
	}
	q.guesses = append(q.guesses, best[0].Token)
	return math.Exp(best[0].Logprob)
}

// lose deals with a step that was not computed. Where there are no cells for its
// requests they go without guesses; after anything else all do.
func (d *drafter) lose(asks []batching.Ask, err error) {
	if errors.Is(err, ErrNoSlot) {
		for _, a := range asks {
			q := d.engine.live[a.ID]
			q.alone = true
			d.drop(q.seq)
		}
		return
	}
	d.failed = true
	d.engine.log.Error().Err(err).Msg("the draft model has failed; answers go on without it")
}

// drop empties a sequence; a nil drafter has none.
func (d *drafter) drop(seq SeqID) {
	if d == nil || len(d.held[seq]) == 0 {
		return
	}
	d.held[seq] = d.held[seq][:0]
	if !d.failed {
		d.backend.Remove(seq, 0)
	}
}
