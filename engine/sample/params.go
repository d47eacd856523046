package sample

// Params says how the next token is chosen. The zero value of a field that is
// not a pointer means "off", but for Temperature: 0 is greedy.
type Params struct {
	Temperature      float64           // below 1e-5: the likeliest token, and the four filters are idle
	TopK             int               // keep the k likeliest; 0: all
	TopP             float64           // keep the smallest set with this mass; 0 or 1: all
	MinP             float64           // drop what is less likely than MinP times the likeliest
	TypicalP         float64           // locally typical sampling (Meister et al. 2022); 0 or 1: off
	FrequencyPenalty float64           // per occurrence in the generated text
	PresencePenalty  float64           // once for a token that was generated
	RepeatPenalty    float64           // divides (multiplies, when negative) logits of the last RepeatLastN tokens; 0 or 1: off
	RepeatLastN      int               // window over prompt and output; 0: 64; negative: all
	LogitBias        map[int32]float64 // added to the logits by token id; ids outside the vocabulary have no effect
	Seed             uint64
}

const (
	greedyBelow   = 1e-5 // temperatures under this are greedy: logits divided by less say nothing else
	hottest       = 1e6  // temperatures above this make no difference
	defaultWindow = 64   // RepeatLastN when not said, as in llama.cpp
)

func (p *Params) greedy() bool { return !(p.Temperature >= greedyBelow) }

// scale turns a distance between logits into a power of 2.
func (p *Params) scale() float64 { return log2e / min(p.Temperature, hottest) }

// within tells whether a mass is a real restriction.
func within(mass float64) bool { return mass > 0 && mass < 1 }

func (p *Params) repeats() bool { return p.RepeatPenalty > 0 && p.RepeatPenalty != 1 }

func (p *Params) counts() bool { return p.FrequencyPenalty != 0 || p.PresencePenalty != 0 }

func (p *Params) window() int {
	if p.RepeatLastN == 0 {
		return defaultWindow
	}
	return p.RepeatLastN
}
