package engine

import (
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/moltbot/moltbot/batching"
	"github.com/moltbot/moltbot/engine/constrain"
	"github.com/moltbot/moltbot/engine/sample"
	"github.com/moltbot/moltbot/kvcache"
)

// Request asks for one continuation of a prompt.
type Request struct {
	ID          string      // for the log; the wire's request id
	Partition   kvcache.Key // whose prefixes it may reuse
	Prompt      []Token     // at least one
	MaxTokens   int         // at most this many are generated; 0: until the context is full
	Stop        []string    // the text ends before the first of these
	Sampling    sample.Params
	Logprobs    bool // report the log-probability of each token
	TopLogprobs int  // and of this many alternatives, 0 to 20
	// PromptLogprobs reports the prompt's tokens as well, computed anew: no kept
	// prefix is reused.
	PromptLogprobs bool
	IgnoreEOS      bool    // go on after an end-of-generation token
	Adapter        string  // a LoRA adapter of the backend, by its ID; "": none
	Visible        []Token // control tokens whose text is part of the answer
	NoCache        bool    // don't reuse a kept prefix
	Class          batching.Class
	Deadline       time.Time // it must have started by then; zero: none
	// Constraint is what the text must follow; nil: nothing. Where it leaves no
	// choice, tokens are taken unasked, but for requests with Logprobs.
	Constraint constrain.Constraint
}

// job is the request as the scheduler sees it.
func (r *Request) job(id batching.ReqID) batching.Job {
	return batching.Job{
		ID: id, Tenant: string(r.Partition), Class: r.Class,
		Prompt: len(r.Prompt), MaxTokens: r.MaxTokens, Deadline: r.Deadline, EveryRow: r.PromptLogprobs,
		Adapter: r.Adapter, Prints: r.prints(),
	}
}

// prints tells requests apart that look alike, so that one that was refused and
// comes back is known.
func (r *Request) prints() uint64 {
	h := fnv.New64a()
	for _, t := range r.Prompt {
		h.Write([]byte{byte(t), byte(t >> 8), byte(t >> 16)})
	}
	return h.Sum64()
}

// Finish is why a generation ended, in OpenAI's words.
type Finish string

const (
	FinishStop   Finish = "stop"   // end of turn or a stop string
	FinishLength Finish = "length" // MaxTokens or a full context
)

// TokenLogprob is a token with its log-probability under the model's own
// distribution (before temperature, penalties and bias). That of a prompt's first
// token is NaN: nothing came before it.
type TokenLogprob struct {
	Token   Token
	Bytes   []byte
	Logprob float64
	Top     []TokenLogprob // the likeliest, best first; Top of these is nil
}

// Chunk is what came since the last one: whole UTF-8, no part of a stop string.
type Chunk struct {
	Text     string
	Tokens   int // generated tokens it stands for
	Logprobs []TokenLogprob
	Prompt   []TokenLogprob // all of the prompt, in the first chunk, for Request.PromptLogprobs
}

// Usage counts what a request cost, in tokens.
type Usage struct {
	Prompt     int
	Cached     int // of Prompt, taken from a kept prefix
	Completion int
}

// Result is known when the stream has ended without an error.
type Result struct {
	Finish                  Finish
	Stop                    string // the stop string that was met, if any
	Usage                   Usage
	Queued, Prefill, Decode time.Duration
}

var (
	// ErrClosed: the engine is draining or closed; nothing new is taken.
	ErrClosed = errors.New("the engine is shutting down")
	// ErrDeadline: the request could not start in time.
	ErrDeadline = errors.New("the deadline passed before the request could start")
	// ErrFailed wraps what ended a request through no fault of its own.
	ErrFailed = errors.New("the engine failed")
)

// BusyError says that the queue is full.
type BusyError struct {
	Waiting    int           // requests ahead
	RetryAfter time.Duration // when trying again makes sense
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("the queue is full: %d requests are waiting", e.Waiting)
}

// ContextError says that prompt and answer don't fit into the context.
type ContextError struct {
	Limit      int // tokens, prompt and answer together
	Prompt     int
	Completion int // asked for; 0 when not said
}

func (e *ContextError) Error() string {
	return fmt.Sprintf("this model's maximum context length is %d tokens, %d were requested (%d in the prompt, %d in the completion)",
		e.Limit, e.Prompt+e.Completion, e.Prompt, e.Completion)
}
