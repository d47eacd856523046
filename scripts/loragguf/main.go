// Command loragguf writes a LoRA adapter in GGUF with made-up weights, to test
// adapters with: it changes what a model says, to nobody's use.
//
// Owns: the shape of such an adapter, drawn from a seed.
// Must not import: anything but models/gguf, which knows the model's tensors.
// Flow: the model's header tells which tensors there are; the file gets A and B
// of the rank asked for, in 32-bit floats, for those whose names end as -tensors says.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	var o order
	tensors := flag.String("tensors", "attn_q.weight,attn_v.weight,ffn_down.weight", "endings of the tensors' names, between commas")
	flag.StringVar(&o.model, "model", "", "GGUF file of the model (required)")
	flag.StringVar(&o.out, "out", "", "where to write (required)")
	flag.IntVar(&o.rank, "rank", 4, "rank of the adapter")
	flag.Uint64Var(&o.seed, "seed", 1, "of the weights")
	flag.Float64Var(&o.strength, "strength", 0.05, "size of the change, against weights of size 1")
	flag.Parse()
	o.endings = strings.Split(*tensors, ",")
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "loragguf:", err)
		os.Exit(1)
	}
}

// order says what to write.
type order struct {
	model, out string
	endings    []string
	rank       int
	seed       uint64
	strength   float64
}

func run(o order) error {
	if o.model == "" || o.out == "" || o.rank < 1 {
		return errors.New("-model and -out are required, and -rank is 1 at least")
	}
	a, err := newAdapter(o)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(o.out), filepath.Base(o.out)+".*.part")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // nothing is there after the rename
	if err := errors.Join(a.write(file), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), o.out)
}
