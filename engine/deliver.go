package engine

import (
	"cmp"
	"sync"

	"github.com/moltbot/moltbot/batching"
)

// decode lets the backend compute the plan's rows and tells the cache which
// tokens lie in cells from now on. Drafts don't: they are only guessed.
func (e *Engine) decode(plan batching.Plan) error {
	e.rows = e.rows[:0]
	for _, r := range plan {
		e.rows = e.live[r.ID].appendRows(e.rows, r)
	}
	e.cache.Evict(len(e.rows))
	e.pad()
	if err := e.adapt(plan); err != nil {
		return err
	}
	if err := e.backend.Decode(e.rows); err != nil {
		return err
	}
	for _, r := range plan {
		if err := e.computed(e.live[r.ID], r.From+r.N-r.Draft); err != nil {
			return err
		}
	}
	return nil
}

// pad adds rows with which the step takes less time, where there is room for them.
func (e *Engine) pad() {
	if !e.shape.Pads {
		return
	}
	step := batching.Step{Rows: len(e.rows)}
	for _, r := range e.rows {
		if r.Output {
			step.Outputs++
		}
	}
	n := e.costs.Pad(step)
	if n == 0 || step.Rows+n > e.shape.Rows || step.Outputs+n > cmp.Or(e.shape.Outputs, e.shape.Rows) || step.Rows+n > e.cache.Count().Free {
		return
	}
	for i := range n {
		e.rows = append(e.rows, Row{Pos: Pos(i), Seq: PadSeq, Output: true})
	}
}

// computed records that the first n known tokens of q lie in its cells.
func (e *Engine) computed(q *sequence, n int) error {
	fresh := q.tokens[q.computed:n]
	q.computed = n
	return e.cache.Grow(q.seq, fresh)
}

// appendRows appends the known tokens of a plan's rows, then its drafts. The
// last known token gives scores, and so does each draft.
func (q *sequence) appendRows(rows []Row, r batching.Rows) []Row {
	known := r.From + r.N - r.Draft
	for i := r.From; i < known; i++ {
		rows = append(rows, Row{Token: q.tokens[i], Pos: Pos(i), Seq: q.seq})
	}
	rows[len(rows)-1].Output = r.Last
	if q.stream.request.PromptLogprobs {
		for i := range rows[len(rows)-(known-r.From):] {
			rows[len(rows)-1-i].Output = true
		}
	}
	for i, token := range q.proposed(r) {
		rows = append(rows, Row{Token: token, Pos: Pos(known + i), Seq: q.seq, Output: true})
	}
	return rows
}

// proposed returns the drafts among a plan's rows.
func (q *sequence) proposed(r batching.Rows) []Token {
	if r.Drawn {
		return q.guesses[:r.Draft]
	}
	return q.drafts[:r.Draft]
}

// output is a request whose next tokens are due, and the scores they are chosen by.
type output struct {
	q      *sequence
	logits [][]float32 // of the last known token and each draft
	drafts []Token
	known  int // tokens before
	kept   int // drafts that came true
	ended  bool
}

// deliver samples the plan's last rows side by side and returns what came of them.
func (e *Engine) deliver(plan batching.Plan) ([]batching.Outcome, error) {
	e.scorePrompts(plan)
	outputs := e.outputs(plan)
	e.sideBySide(outputs, func(o *output) { o.verify(e.vocab, e.cfg.Context) })
	outcomes := make([]batching.Outcome, len(outputs))
	for i := range outputs {
		o := &outputs[i]
		if err := e.settle(o); err != nil {
			return nil, err
		}
		outcomes[i] = batching.Outcome{ID: o.q.id, Tokens: len(o.q.tokens) - o.known, Kept: o.kept, Ended: o.ended}
		if o.ended {
			e.release(o.q, !o.q.failed)
		}
	}
	return outcomes, nil
}

// verify takes tokens as long as the scores at hand follow the tokens taken: a
// draft that the sampler chooses too vouches for the row behind it. What is
// chosen is what would have been chosen without drafts.
func (o *output) verify(v Vocab, limit int) {
	for {
		taken := o.q.tokens[o.known:]
		o.kept = agreeing(o.drafts, taken)
		if o.kept < len(taken) || o.ended {
			return
		}
		o.ended = o.q.next(o.logits[len(taken)], v, limit)
	}
}

// agreeing counts the tokens that both begin with.
func agreeing(a, b []Token) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// settle keeps the cells of drafts that came true and frees the others.
func (e *Engine) settle(o *output) error {
	if len(o.drafts) == 0 {
		return nil
	}
	if err := e.computed(o.q, o.known+o.kept); err != nil {
		return err
	}
	if o.kept < len(o.drafts) {
		e.cells.Truncate(o.q.seq, Pos(o.q.computed))
	}
	return nil
}

// outputs asks the backend, which only the loop may do, for the logits of each last row.
func (e *Engine) outputs(plan batching.Plan) []output {
	var out []output
	row := 0
	for _, r := range plan {
		row += r.N
		if !r.Last {
			continue
		}
		q := e.live[r.ID]
		o := output{q: q, drafts: q.proposed(r), known: len(q.tokens), logits: make([][]float32, 0, r.Draft+1)}
		for i := row - r.Draft - 1; i < row; i++ {
			o.logits = append(o.logits, e.backend.Logits(i))
		}
		out = append(out, o)
	}
	return out
}

// sideBySide calls f for each output, on at most Workers goroutines.
func (e *Engine) sideBySide(outputs []output, f func(*output)) {
	workers := min(e.cfg.Workers, len(outputs))
	var wg sync.WaitGroup
	for w := 1; w < workers; w++ {
		wg.Go(func() { each(outputs, w, workers, f) })
	}
	each(outputs, 0, max(workers, 1), f)
	wg.Wait()
}

// each calls f for every step-th output, from first.
func each(outputs []output, first, step int, f func(*output)) {
	for i := first; i < len(outputs); i += step {
		f(&outputs[i])
	}
}
