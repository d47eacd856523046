// Command moltbot serves GGUF models behind an OpenAI-compatible endpoint.
//
// Owns: the command line, the life cycle of the process, and what it says on
// the terminal. All deciding is done in the packages below.
// Must not import: cgo, except in the files whose name ends in _cgo.go; without
// cgo the program builds too and says that it has no engine.
// Flow: main calls run with the arguments; a command reads the configuration,
// acts, and returns an error; report writes it as one line and picks the exit
// code: 1 for what went wrong, 2 for a command that was written wrongly.
package main

import (
	"context"
	"io"
	"os"
)

// process is what a command may touch of the world around it.
type process struct {
	in       io.Reader
	out, err io.Writer
	env      []string // "NAME=value"
	exe      string   // of this program, to run a probe with

	open        opener
	openEncoder encoderOpener
}

func main() {
	p := process{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Environ(), open: openLocal, openEncoder: openLocalEncoder}
	exe, err := os.Executable()
	if err != nil {
		os.Exit(report(p.err, nil, err))
	}
	p.exe = exe
	os.Exit(run(context.Background(), p, os.Args[1:]))
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, p process, args []string) int {
	root := newRoot(p)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	return report(p.err, cmd, err)
}
