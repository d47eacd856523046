package text_test

import (
	"fmt"

	"github.com/moltbot/moltbot/engine/text"
)

func ExampleAssembler() {
	a := text.New([]string{"\nUser:"})
	for _, piece := range []string{"It costs 5 \xe2", "\x82\xac.", "\nUs", "er", ": thanks"} {
		out, stopped := a.Push([]byte(piece))
		fmt.Printf("%q %t\n", out, stopped)
	}
	// Output:
	// "It costs 5 " false
	// "€." false
	// "" false
	// "" false
	// "" true
}
