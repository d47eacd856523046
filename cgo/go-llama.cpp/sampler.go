package llama

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"

	native "github.com/moltbot/moltbot/cgo/llama"
	"github.com/moltbot/moltbot/engine/sample"
	"github.com/moltbot/moltbot/kvcache"
)

// sampler is Moltbot's sampler with one habit of the old library: the penalties
// spare the line break.
type sampler struct {
	*sample.Sampler
	p       sample.Params
	newline kvcache.Token // that is spared; -1: none
	seen    []kvcache.Token
	prompt  int       // of seen
	row     []float32 // logits, with what the penalties will take from newline added
}

func newSampler(po PredictOptions, mo ModelOptions, v native.Vocab, prompt []native.Token) (*sampler, error) {
	p, err := po.params(mo, v)
	if err != nil {
		return nil, err
	}
	s := &sampler{p: p, newline: -1, prompt: len(prompt)}
	for _, t := range prompt {
		s.seen = append(s.seen, kvcache.Token(t))
	}
	s.Sampler = sample.New(p, s.seen)
	if !po.PenalizeNL {
		nl, err := v.Tokenize("\n", false, false)
		if err != nil {
			return nil, err
		}
		if len(nl) > 0 {
			s.newline = kvcache.Token(nl[len(nl)-1])
		}
	}
	return s, nil
}

// params says the same in Moltbot's words.
func (po PredictOptions) params(mo ModelOptions, v native.Vocab) (sample.Params, error) {
	p := sample.Params{
		Temperature: max(float64(po.Temperature), 0),
		TopK:        max(po.TopK, 0),
		TopP:        max(float64(po.TopP), 1e-9), // none at all leaves the likeliest
		TypicalP:    float64(po.TypicalP),
		LogitBias:   map[int32]float64{},
		Seed:        po.seed(mo),
	}
	if po.Repeat != 0 {
		p.RepeatPenalty, p.RepeatLastN = float64(po.Penalty), po.Repeat
		p.FrequencyPenalty, p.PresencePenalty = float64(po.FrequencyPenalty), float64(po.PresencePenalty)
	}
	if po.IgnoreEOS {
		p.LogitBias[int32(v.EOS())] = math.Inf(-1)
		p.LogitBias[int32(v.EOT())] = math.Inf(-1)
	}
	return p, addBias(p.LogitBias, po.LogitBias)
}

func (po PredictOptions) seed(mo ModelOptions) uint64 {
	switch {
	case po.Seed != -1:
		return uint64(po.Seed)
	case mo.Seed != 0:
		return uint64(mo.Seed)
	}
	return rand.Uint64()
}

var biasForm = regexp.MustCompile(`^\s*(\d+)\s*([+-])\s*([\d.]+)\s*$`)

// addBias reads "29905-1.5".
func addBias(bias map[int32]float64, text string) error {
	if text == "" {
		return nil
	}
	parts := biasForm.FindStringSubmatch(text)
	if parts == nil {
		return fmt.Errorf("logit bias %q is not a token, a sign and a number", text)
	}
	token, err := strconv.ParseInt(parts[1], 10, 32)
	if err != nil {
		return fmt.Errorf("logit bias %q: %w", text, err)
	}
	value, err := strconv.ParseFloat(parts[2]+parts[3], 64)
	if err != nil {
		return fmt.Errorf("logit bias %q: %w", text, err)
	}
	bias[int32(token)] += value
	return nil
}

// next samples a token and records it.
func (s *sampler) next(logits []float32) (native.Token, error) {
	t, err := s.Sample(s.spare(logits))
	if err != nil {
		return 0, err
	}
	s.Accept(t)
	s.seen = append(s.seen, t)
	return native.Token(t), nil
}

// spare raises the logit of newline so that the penalties bring it back to where it was.
func (s *sampler) spare(logits []float32) []float32 {
	times := 0
	for _, t := range s.seen[s.prompt:] {
		if t == s.newline {
			times++
		}
	}
	if times == 0 && !s.repeated() {
		return logits
	}
	bias := s.p.LogitBias[int32(s.newline)]
	want := float64(logits[s.newline]) + bias
	want += float64(times) * s.p.FrequencyPenalty
	if times > 0 {
		want += s.p.PresencePenalty
	}
	if s.repeated() {
		want = scaled(want, s.p.RepeatPenalty)
	}
	s.row = append(s.row[:0], logits...)
	s.row[s.newline] = float32(want - bias)
	return s.row
}

// repeated tells whether the repeat penalty will meet newline.
func (s *sampler) repeated() bool {
	window := s.seen
	if n := s.p.RepeatLastN; n >= 0 && n < len(window) {
		window = window[len(window)-n:]
	}
	return s.p.RepeatPenalty > 0 && slices.Contains(window, s.newline)
}

// scaled undoes a repeat penalty.
func scaled(logit, penalty float64) float64 {
	if logit > 0 {
		return logit * penalty
	}
	return logit / penalty
}
