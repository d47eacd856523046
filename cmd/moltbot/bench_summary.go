package main

import (
	"github.com/spf13/cobra"

	benchreport "github.com/moltbot/moltbot/bench/report"
)

func newBenchSummary(p process) *cobra.Command {
	var again, goals string
	cmd := &cobra.Command{
		Use:   "summary DIR",
		Short: "Tell the reports in a folder's subfolders in one table",
		Long: `Tell the reports in a folder's subfolders (DIR/*/report.json) in one table: the
numbers that each workload is looked at for, with their ratios. With --again the
ratios of a second run stand beside them, and whether they lie in the intervals of
the first; one that does not is too noisy to use. With --targets each ratio is held
against the one that it is to reach.`,
		Args: args("a folder"),
		RunE: func(_ *cobra.Command, dirs []string) error {
			var s benchreport.Summary
			var err error
			if s.First, err = benchreport.LoadAll(dirs[0]); err != nil {
				return err
			}
			if again != "" {
				if s.Again, err = benchreport.LoadAll(again); err != nil {
					return err
				}
			}
			if goals != "" {
				if s.Goals, err = benchreport.LoadGoals(goals); err != nil {
					return err
				}
			}
			s.Markdown(p.out)
			return nil
		},
	}
	cmd.Flags().StringVar(&again, "again", "", "`DIR` of a second run of the same")
	cmd.Flags().StringVar(&goals, "targets", "", "`FILE` of ratios to reach: workload, class, measure, target, ratio, with tabs between")
	return cmd
}
