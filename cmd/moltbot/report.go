package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// usageError says that the command line itself is wrong.
type usageError struct{ error }

// errReported ends a command with exit code 1 after it has said everything itself.
var errReported = errors.New("already reported")

// report writes err for a person, one line for each thing that is wrong, and returns the exit code.
func report(w io.Writer, cmd *cobra.Command, err error) int {
	if err == nil {
		return 0
	}
	if !errors.Is(err, errReported) {
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintf(w, "moltbot: %s\n", strings.TrimRight(line, "\n"))
		}
	}
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintf(w, "\n%s", cmd.UsageString())
		return 2
	}
	return 1
}
