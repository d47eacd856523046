// Command bertgguf turns a BERT model in safetensors into a GGUF file that
// llama.cpp runs, without torch. Tests use it for a real embedding model.
//
// Owns: reading safetensors and the files beside it, the names of the tensors,
// the file.
// Must not import: anything of Moltbot, so that it judges models/gguf and not
// the other way round.
// Flow: main reads the flags and opens a folder or a zip of one; readModel checks
// what the model is; metadata and tensors say what to write; writeFile writes a
// temporary file, which gets its name when it is whole. Equal models make equal files.
//
// Source of the names: llama.cpp's conversion/bert.py and gguf-py/gguf/constants.py.
// Source of the format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
package main

import (
	"archive/zip"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "bertgguf:", err)
		}
		os.Exit(1)
	}
}

// run does what the command line says; what it has to tell goes to log.
func run(args []string, log io.Writer) error {
	f := flag.NewFlagSet("bertgguf", flag.ContinueOnError)
	f.SetOutput(log)
	from := f.String("from", "", "the `FOLDER` or zip file of the model: config.json, tokenizer.json, model.safetensors, 1_Pooling/config.json")
	out := f.String("out", "", "the `FILE` to write")
	name := f.String("name", "", "general.name of the `MODEL`")
	head := f.Bool("made-up-head", false, "give the model a classifier of made-up weights: a reranker that ranks by nothing, for tests")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *from == "" || *out == "" || *name == "" || f.NArg() > 0 {
		return errors.New("-from, -out and -name are needed, and nothing but flags")
	}
	m, err := open(*from)
	if err != nil {
		return fmt.Errorf("read %s: %w", *from, err)
	}
	m.name = *name
	if *head {
		m.addHead()
	}
	size, err := writeFile(*out, m)
	if err != nil {
		return fmt.Errorf("write %s: %w", *out, err)
	}
	fmt.Fprintf(log, "%s: %d layers of width %d, %d tokens, %.1f MB\n", *out, m.config.Layers, m.config.Width, len(m.tokens), float64(size)/1e6)
	return nil
}

// open reads a model from a folder or from a zip of it.
func open(path string) (*model, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return readModel(os.DirFS(path))
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return readModel(fs.FS(z))
}
