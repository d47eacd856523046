package sample_test

import (
	"fmt"

	"github.com/moltbot/moltbot/engine/sample"
	"github.com/moltbot/moltbot/kvcache"
)

func ExampleSampler() {
	prompt := []kvcache.Token{0, 1}
	s := sample.New(sample.Params{RepeatPenalty: 1.5}, prompt)
	for range 3 {
		token, err := s.Sample([]float32{3, 2.5, 2.2, 1.9}) // the model's answer; here always the same
		if err != nil {
			fmt.Println(err)
			return
		}
		s.Accept(token)
		fmt.Println("token", token)
	}
	// Output:
	// token 2
	// token 0
	// token 0
}
