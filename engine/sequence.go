package engine

import (
	"fmt"
	"slices"
	"time"

	"github.com/moltbot/moltbot/batching"
	"github.com/moltbot/moltbot/engine/constrain"
	"github.com/moltbot/moltbot/engine/draft"
	"github.com/moltbot/moltbot/engine/sample"
	"github.com/moltbot/moltbot/engine/text"
)

// sequence is a live request as the loop sees it.
type sequence struct {
	id      batching.ReqID
	stream  *Stream
	tokens  []Token // prompt and generated, known so far
	sampler *sample.Sampler
	text    *text.Assembler
	piece   []byte // scratch

	matcher constrain.Matcher // nil: nothing constrains the text
	mask    []uint32          // scratch: a bit for each token
	forced  []Token           // scratch

	prompt []TokenLogprob // scored so far, for PromptLogprobs

	lookup draft.Lookup
	drafts []Token // proposed for the next step
	failed bool    // what it computed can't be trusted

	guesses []Token // of the draft model, likewise
	alone   bool    // the draft model has no room for it

	seq      SeqID
	held     bool // seq is ours
	computed int  // tokens in seq
	cached   int  // prompt tokens that the first start found computed
	started  time.Time
	first    time.Time // of the first token
}

func newSequence(id batching.ReqID, s *Stream, v Vocab) *sequence {
	r := s.request
	tokens := make([]Token, len(r.Prompt), len(r.Prompt)+max(r.MaxTokens, 64))
	copy(tokens, r.Prompt)
	return &sequence{
		id: id, stream: s, tokens: tokens, cached: -1,
		sampler: sample.New(r.Sampling, r.Prompt),
		text:    text.New(r.Stop),
	}
}

// left returns how many tokens it may still generate.
func (q *sequence) left(limit int) int {
	n := limit - len(q.tokens)
	if most := q.stream.request.MaxTokens; most > 0 {
		n = min(n, most-q.generated())
	}
	return n
}

// fail ends the stream through no fault of its own.
func (q *sequence) fail(err error) {
	q.failed = true
	q.stream.end(Result{}, fmt.Errorf("%w: %w", ErrFailed, err))
}

func (q *sequence) generated() int { return len(q.tokens) - len(q.stream.request.Prompt) }

// next takes the token that follows the computed rows, and those that a
// constraint forces behind it, and pushes what they add to the text. It returns
// true when the generation has ended.
func (q *sequence) next(logits []float32, v Vocab, limit int) (ended bool) {
	chosen, err := q.choose(logits)
	if err != nil {
		q.fail(err)
		return true
	}
	if q.generated() == 0 {
		q.first = time.Now()
	}
	if token := chosen.Token; v.IsEOG(token) && (q.matcher != nil || !q.stream.request.IgnoreEOS) {
		q.tokens = append(q.tokens, token)
		q.finish(FinishStop, Chunk{Tokens: 1})
		return true
	}
	return q.take(chosen, v, limit) || q.takeForced(v, limit)
}

// take appends a token.
func (q *sequence) take(chosen choice, v Vocab, limit int) (ended bool) {
	token := chosen.Token
	if err := q.match(token); err != nil {
		q.fail(err)
		return true
	}
	q.tokens = append(q.tokens, token)
	return q.add(token, q.chunk(chosen, v), limit)
}

// add pushes a token's text; at a stop string or the limit it ends the stream.
func (q *sequence) add(token Token, c Chunk, limit int) bool {
	q.sampler.Accept(token)
	var stopped bool
	c.Text, stopped = q.text.Push(q.piece)
	switch {
	case stopped, q.matched():
		q.finish(FinishStop, c)
	case q.generated() == q.stream.request.MaxTokens || len(q.tokens) >= limit:
		c.Text += q.text.Close()
		q.finish(FinishLength, c)
	default:
		q.stream.push(c)
		return false
	}
	return true
}

// chunk describes the token, without its text.
func (q *sequence) chunk(chosen choice, v Vocab) Chunk {
	q.piece = v.Piece(q.piece[:0], chosen.Token, slices.Contains(q.stream.request.Visible, chosen.Token))
	c := Chunk{Tokens: 1}
	if q.stream.request.Logprobs {
		c.Logprobs = []TokenLogprob{chosen.logprob(v)}
	}
	return c
}

// logprob is the report of the token and its likeliest alternatives.
func (c *choice) logprob(v Vocab) TokenLogprob {
	lp := TokenLogprob{Token: c.Token, Bytes: v.Piece(nil, c.Token, true), Logprob: c.Logprob}
	for _, t := range c.top {
		lp.Top = append(lp.Top, TokenLogprob{Token: t.Token, Bytes: v.Piece(nil, t.Token, true), Logprob: t.Logprob})
	}
	return lp
}

// finish pushes the last chunk and ends the stream as it should.
func (q *sequence) finish(why Finish, last Chunk) {
	if why == FinishStop && q.text.Stop() == "" {
		last.Text += q.text.Close()
	}
	q.stream.push(last)
	now := time.Now()
	q.stream.end(Result{
		Finish: why, Stop: q.text.Stop(), Usage: q.usage(),
		Queued: q.started.Sub(q.stream.since), Prefill: q.first.Sub(q.started), Decode: now.Sub(q.first),
	}, nil)
}

func (q *sequence) usage() Usage {
	return Usage{Prompt: len(q.stream.request.Prompt), Cached: max(q.cached, 0), Completion: q.generated()}
}
