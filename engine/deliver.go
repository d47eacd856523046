package engine

import (
	"sync"

	"github.com/moltbot/moltbot/batching"
)

// decode lets the backend compute the plan's rows and counts their cells.
func (e *Engine) decode(plan batching.Plan) error {
	e.evict(plan.Len())
	e.rows = e.rows[:0]
	for _, r := range plan {
		e.rows = e.live[r.ID].appendRows(e.rows, r)
	}
	if err := e.backend.Decode(e.rows); err != nil {
		return err
	}
	for _, r := range plan {
		q := e.live[r.ID]
		q.computed = r.From + r.N
		if err := e.cache.Grow(q.seq, r.N); err != nil {
			return err
		}
	}
	return nil
}

func (q *sequence) appendRows(rows []Row, r batching.Rows) []Row {
	for i := r.From; i < r.From+r.N; i++ {
		rows = append(rows, Row{Token: q.tokens[i], Pos: Pos(i), Seq: q.seq})
	}
	rows[len(rows)-1].Output = r.Last
	return rows
}

// output is a request whose next token is due, and the scores it is chosen by.
type output struct {
	q      *sequence
	logits []float32
	known  int // tokens before
	ended  bool
}

// deliver samples the plan's last rows side by side and returns what came of them.
func (e *Engine) deliver(plan batching.Plan) []batching.Outcome {
	outputs := e.outputs(plan)
	e.sideBySide(outputs, func(o *output) {
		o.ended = o.q.next(o.logits, e.vocab, e.cfg.Context)
	})
	outcomes := make([]batching.Outcome, len(outputs))
	for i, o := range outputs {
		outcomes[i] = batching.Outcome{ID: o.q.id, Tokens: len(o.q.tokens) - o.known, Ended: o.ended}
		if o.ended {
			e.release(o.q, true)
		}
	}
	return outcomes
}

// outputs asks the backend, which only the loop may do, for the logits of each last row.
func (e *Engine) outputs(plan batching.Plan) []output {
	var out []output
	row := 0
	for _, r := range plan {
		row += r.N
		if r.Last {
			q := e.live[r.ID]
			out = append(out, output{q: q, logits: e.backend.Logits(row - 1), known: len(q.tokens)})
		}
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
