// Package sample turns logits into a token.
//
// Owns: penalties, filters, the draw and log-probabilities of one request.
// Must not import: anything but the standard library, kvcache (for Token)
// and rows, behind which there is C or none; it only reads the logits it is given.
// Flow: engine calls New for a request; for each row of logits Sample, then
// Accept with the token that goes into the sequence; SampleLogprobs in place of
// Sample where log-probabilities are wanted, Logprobs where nothing is chosen.
//
// The order of the chain:
//
//  1. logit bias, then the repeat penalty (Keskar et al., CTRL, 2019), then
//     frequency and presence penalties (OpenAI API reference), all on raw logits
//  2. temperature
//  3. top-k (Fan et al., Hierarchical Neural Story Generation, ACL 2018)
//  4. typical-p (Meister et al., Locally Typical Sampling, TACL 2023)
//  5. top-p (Holtzman et al., The Curious Case of Neural Text Degeneration, ICLR 2020)
//  6. min-p (Nguyen et al., Turning Up the Heat: Min-p Sampling, ICLR 2025)
//  7. one draw from what is left, its probabilities renormalised
//
// Each filter sees the renormalised distribution that the one before it left,
// and leaves at least one token; equal tokens go by lower id first.
//
// It differs from llama.cpp's default chain in three points. Temperature comes
// before the filters, as at OpenAI, where llama.cpp puts it last; top-k and
// greedy choose the same either way. Frequency and presence penalties count
// the generated text alone, without a window, where llama.cpp counts the last
// tokens of prompt and text. Greedy looks at no filter, where llama.cpp's
// typical-p could drop the likeliest token first.
package sample

import (
	"errors"
	"math/rand/v2"

	"github.com/moltbot/moltbot/kvcache"
)

// ErrNaN says that a row holds NaN or +Inf, or nothing above -Inf: the model's
// arithmetic has failed, and no token would mean anything.
var ErrNaN = errors.New("sample: the logits hold NaN or +Inf, or nothing but -Inf")

// Sampler chooses the tokens of one request. It isn't safe for concurrent use;
// two samplers are, side by side.
type Sampler struct {
	p      Params
	random *rand.Rand
	past   past
}

// New returns the sampler of a request. The prompt counts for the repeat
// penalty only.
func New(p Params, prompt []kvcache.Token) *Sampler {
	return &Sampler{
		p:      p,
		random: rand.New(rand.NewPCG(p.Seed, 0)),
		past:   newPast(&p, prompt),
	}
}

// Sample chooses the next token by a row of logits, shape [n_vocab]; it only
// reads them and keeps no reference. Unless it is greedy, each call takes one
// number from the generator, so equal seeds and rows give equal tokens.
// Errors: ErrNaN.
func (s *Sampler) Sample(logits []float32) (kvcache.Token, error) {
	w := workspaces.Get().(*workspace)
	defer workspaces.Put(w)
	defer w.row.release()
	return s.choose(w, logits)
}

// SampleLogprobs is Sample, and Logprobs of the token by own, the row before a
// constraint forbade tokens in it. Where nothing was changed and the temperature
// is 1 the row is passed over once for both.
func (s *Sampler) SampleLogprobs(logits, own []float32, top int) (TokenLP, []TokenLP, error) {
	w := workspaces.Get().(*workspace)
	defer workspaces.Put(w)
	defer w.row.release()
	token, err := s.choose(w, logits)
	if err != nil {
		return TokenLP{}, nil, err
	}
	if !w.row.measures(own, log2e) {
		w.row.load(own, nil, nil)
		if err := w.row.measure(log2e); err != nil {
			return TokenLP{}, nil, err
		}
	}
	chosen, best := w.logprobs(token, top)
	return chosen, best, nil
}

func (s *Sampler) choose(w *workspace, logits []float32) (kvcache.Token, error) {
	w.row.load(logits, s.past.touched, &s.p)
	if s.p.greedy() {
		return w.row.argmax()
	}
	if err := w.row.measure(s.p.scale()); err != nil {
		return 0, err
	}
	w.filter(&s.p)
	return w.draw(s.random.Float64()), nil
}

// Accept records a token that went into the sequence after the prompt.
func (s *Sampler) Accept(t kvcache.Token) { s.past.accept(&s.p, t) }
