// Command randgguf writes a GGUF file of a given shape with random 4-bit
// weights and a real vocabulary, to measure the speed of models whose weights
// can't be had. What it says is noise; what it costs is the real thing.
//
// Owns: the shapes, the random blocks, the file.
// Must not import: anything of Moltbot, so that it judges models/gguf and not
// the other way round.
// Flow: main reads the flags into an order; readVocab copies the tokenizer of
// another GGUF; write streams header and tensors into a temporary file, which
// gets its name when it is whole. Equal orders make equal files.
//
// Source of the format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// order is what to write.
type order struct {
	name   string
	shape  shape
	format format
	seed   uint64
	vocab  vocab
}

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "randgguf:", err)
		}
		os.Exit(1)
	}
}

// run does what the command line says; what it has to tell goes to log.
func run(args []string, log io.Writer) error {
	o, out, err := parse(args, log)
	if err != nil {
		return err
	}
	size, err := writeFile(out, o)
	if err != nil {
		return fmt.Errorf("write %s: %w", out, err)
	}
	fmt.Fprintf(log, "%s: %s, %d layers of width %d, %d tokens, %.2f GiB\n",
		out, o.format.name, o.shape.Layers, o.shape.Width, o.vocab.size, float64(size)/(1<<30))
	return nil
}

// parse reads the flags. A size that is given wins over the preset's.
func parse(args []string, log io.Writer) (o order, out string, err error) {
	fs := flag.NewFlagSet("randgguf", flag.ContinueOnError)
	fs.SetOutput(log)
	preset := fs.String("shape", "", "`NAME` of a shape: "+presetNames())
	kind := fs.String("type", "q4_0", "`FORMAT` of the matrices: q4_0 or q4_k")
	from := fs.String("vocab", "", "a GGUF `FILE` whose vocabulary is copied")
	fs.StringVar(&out, "out", "", "the `FILE` to write")
	fs.Uint64Var(&o.seed, "seed", 1, "of the weights")
	var given shape
	given.flags(fs)
	if err := fs.Parse(args); err != nil {
		return o, "", err
	}
	if *from == "" || out == "" || fs.NArg() > 0 {
		return o, "", errors.New("-vocab FILE and -out FILE are needed, and nothing but flags")
	}
	if o.format, err = lookupFormat(*kind); err != nil {
		return o, "", err
	}
	if o.shape, err = choose(*preset, given, o.format); err != nil {
		return o, "", err
	}
	if o.vocab, err = readVocab(*from); err != nil {
		return o, "", fmt.Errorf("the vocabulary of %s: %w", *from, err)
	}
	o.name = fmt.Sprintf("random %.2fB", float64(o.shape.weights(o.vocab.size))/1e9)
	return o, out, nil
}
