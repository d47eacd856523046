package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// newRoot builds the command tree; without a command it serves.
func newRoot(p process) *cobra.Command {
	root := &cobra.Command{
		Use:           "moltbot",
		Short:         "Serve GGUF models behind an OpenAI-compatible endpoint",
		Args:          noCommand,
		SilenceErrors: true, // report writes them
		SilenceUsage:  true,

		SuggestionsMinimumDistance: 2,
	}
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.HiddenDefaultCmd = true
	asServe(root, p)
	root.AddCommand(newServe(p), newBench(p), newChat(p), newConfig(p), newDoctor(p), newModels(p), newProbe(p), newVersion(p))
	return root
}

// noCommand is what is left when no command matched: nothing, or a slip of the pen.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf(", did you mean '%s'?", near[0])
	}
	return usageError{fmt.Errorf("unknown command '%s'%s", args[0], hint)}
}

// args checks the number of a command's arguments, each named in want.
func args(want ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(want):
			return usageError{fmt.Errorf("%s needs %s", cmd.CommandPath(), want[len(args)])}
		case len(args) > len(want):
			return usageError{fmt.Errorf("%s does not take '%s'", cmd.CommandPath(), strings.Join(args[len(want):], " "))}
		}
		return nil
	}
}
