package sample

import (
	"fmt"
	"testing"

	"github.com/moltbot/moltbot/kvcache"
)

// allKinds are the roads through the chain.
var allKinds = map[string]Params{
	"greedy":        {},
	"greedy+repeat": {RepeatPenalty: 1.1},
	"T=1":           {Temperature: 1},
	"T=0.7":         {Temperature: 0.7},
	"T=0.2":         {Temperature: 0.2},
	"T=1+penalties": {Temperature: 1, FrequencyPenalty: 0.5, RepeatPenalty: 1.1},
	"top_k=40":      {Temperature: 1, TopK: 40},
	"top_k=1000":    {Temperature: 1, TopK: 1000},
	"top_p=0.95":    {Temperature: 1, TopP: 0.95},
	"T=2,top_p=0.9": {Temperature: 2, TopP: 0.9},
	"min_p=0.05":    {Temperature: 1, MinP: 0.05},
	"typical=0.9":   {Temperature: 1, TypicalP: 0.9},
	"llama.cpp's":   {Temperature: 0.8, TopK: 40, TopP: 0.95, MinP: 0.05},
}

var vocabs = []int{49152, 262144}

// peaked returns logits as a language model gives them: noise, and a few
// tokens that stand out.
func peaked(vocab int) []float32 {
	logits := noise(1, vocab, 3)
	for i := range 20 {
		logits[(i*vocab)/20+7*i] = 18 - float32(i)/2
	}
	return logits
}

func BenchmarkSample(b *testing.B) {
	for _, vocab := range vocabs {
		logits := peaked(vocab)
		for name, p := range allKinds {
			b.Run(fmt.Sprintf("vocab=%d/%s", vocab, name), func(b *testing.B) { benchSample(b, p, logits) })
		}
	}
}

func benchSample(b *testing.B, p Params, logits []float32) {
	s := New(p, nil)
	for i := range 200 {
		s.Accept(kvcache.Token(i * len(logits) / 200))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Sample(logits); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLogprobs(b *testing.B) {
	for _, vocab := range vocabs {
		logits := peaked(vocab)
		b.Run(fmt.Sprintf("vocab=%d", vocab), func(b *testing.B) {
			for b.Loop() {
				Logprobs(logits, 7, 20)
			}
		})
	}
}
