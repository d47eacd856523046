// Package sample turns logits into a token.
package sample

// Params says how the next token is chosen. The zero value of a field that is
// not a pointer means "off", but for Temperature: 0 is greedy.
type Params struct {
	Temperature      float64           // 0: the likeliest token
	TopK             int               // keep the k likeliest; 0: all
	TopP             float64           // keep the smallest set with this mass; 0 or 1: all
	MinP             float64           // drop what is less likely than MinP times the likeliest
	TypicalP         float64           // locally typical sampling (Meister et al. 2022); 0 or 1: off
	FrequencyPenalty float64           // per occurrence in the generated text
	PresencePenalty  float64           // once for a token that was generated
	RepeatPenalty    float64           // divides (multiplies, when negative) logits of the last RepeatLastN tokens; 0 or 1: off
	RepeatLastN      int               // window over prompt and output; 0: 64
	LogitBias        map[int32]float64 // added to the logits by token id
	Seed             uint64
}
