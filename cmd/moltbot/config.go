package main

import "github.com/spf13/cobra"

// newConfig prints the configuration in force.
func newConfig(p process) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print the configuration in force, each value with its origin",
		Args:  args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd, p)
			if err != nil {
				return err
			}
			return cfg.WriteYAML(p.out)
		},
	}
	addSettings(cmd)
	return cmd
}
