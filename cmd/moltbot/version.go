package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// What the Makefile sets with -ldflags -X.
var (
	version = "0.1.0-dev"
	commit  = "unknown"
)

// newVersion tells what this program is made of.
func newVersion(p process) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of the program and of its native libraries",
		Args:  args(),
		RunE: func(*cobra.Command, []string) error {
			n := nativeLibraries()
			fmt.Fprintf(p.out, "moltbot   %s\ncommit    %s\nllama.cpp %s\nbackends  %s\n", version, commit, n.Version, strings.Join(n.Backends, ", "))
			return nil
		},
	}
}
