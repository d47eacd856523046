package engine

import (
	"math"

	"github.com/moltbot/moltbot/batching"
	"github.com/moltbot/moltbot/engine/sample"
)

// scorePrompts takes the log-probabilities of prompts that ask for them from a
// computed plan: the scores of a row are those of the token behind it.
func (e *Engine) scorePrompts(plan batching.Plan) {
	row := 0
	for _, r := range plan {
		if q := e.live[r.ID]; q.stream.request.PromptLogprobs {
			q.score(e, r, row)
		}
		row += r.N
	}
}

// score hears of rows of its own that stand in the batch from first on. After a
// pause the same rows come again.
func (q *sequence) score(e *Engine, r batching.Rows, first int) {
	prompt := q.stream.request.Prompt
	if len(q.prompt) == 0 {
		own := e.vocab.Piece(nil, prompt[0], true)
		q.prompt = append(q.prompt, TokenLogprob{Token: prompt[0], Bytes: own, Logprob: math.NaN()})
	}
	for i := r.From; i < r.From+r.N && i+1 < len(prompt); i++ {
		if i+1 == len(q.prompt) {
			q.prompt = append(q.prompt, q.scored(prompt[i+1], e.backend.Logits(first+i-r.From), e.vocab))
		}
	}
	if len(q.prompt) == len(prompt) && r.Last && q.generated() == 0 {
		q.stream.push(Chunk{Prompt: q.prompt})
	}
}

// scored reports a token of the prompt by the row before it.
func (q *sequence) scored(token Token, logits []float32, v Vocab) TokenLogprob {
	var c choice
	c.TokenLP, c.top = sample.Logprobs(logits, token, q.stream.request.TopLogprobs)
	return c.logprob(v)
}
