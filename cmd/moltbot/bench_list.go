package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/moltbot/moltbot/bench/workload"
)

// newBenchList describes the workloads.
func newBenchList(p process) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Describe the workloads",
		Args:  args(),
		RunE: func(*cobra.Command, []string) error {
			w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
			for _, one := range workload.All() {
				fmt.Fprintf(w, "%s\t%s\n", one.Name, one.About)
			}
			return w.Flush()
		},
	}
}
