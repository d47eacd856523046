package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/moltbot/moltbot/internal/config"
	"github.com/moltbot/moltbot/models/store"
)

// newModels looks after the model files in the data folder.
func newModels(p process) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "models",
		Short: "List and fetch models",
		Args:  noCommand,

		SuggestionsMinimumDistance: 2,

		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		modelsCommand(p, "list", "List the known models and the files in the data folder", listModels),
		modelsCommand(p, "pull NAME", "Fetch a known model into the data folder", pullModel, "the NAME of a known model"),
		modelsCommand(p, "path NAME", "Print where a model's file lies", pathOfModel, "the NAME of a model"),
	)
	return cmd
}

// modelsCommand is a command that needs the data folder and nothing else of the configuration.
func modelsCommand(p process, use, short string, do func(*cobra.Command, process, config.Config, []string) error, want ...string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  args(want...),
		RunE: func(cmd *cobra.Command, words []string) error {
			cfg, err := loadConfig(cmd, p)
			if err != nil {
				return err
			}
			return do(cmd, p, cfg.Config, words)
		},
	}
	addSettings(cmd, "data")
	return cmd
}

func listModels(_ *cobra.Command, p process, cfg config.Config, _ []string) error {
	dir := store.Dir(string(cfg.DataDir))
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSIZE\tLICENSE\tFILE")
	var known []string
	for _, s := range store.Known() {
		known = append(known, s.File)
		path, err := store.Resolve(s.Name, string(cfg.DataDir))
		if err != nil {
			path = "not fetched: moltbot models pull " + s.Name
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Name, megabytes(s.Size), s.License, path)
	}
	files, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("list the models: %w", err)
	}
	for _, f := range files {
		name, isModel := strings.CutSuffix(f.Name(), ".gguf")
		if info, err := f.Info(); isModel && err == nil && !slices.Contains(known, f.Name()) {
			fmt.Fprintf(w, "%s\t%s\t\t%s\n", name, megabytes(info.Size()), filepath.Join(dir, f.Name()))
		}
	}
	return w.Flush()
}

func pullModel(cmd *cobra.Command, p process, cfg config.Config, words []string) error {
	spec, ok := store.Lookup(words[0])
	if !ok {
		return fmt.Errorf("no known model is named %q; see `moltbot models list`", words[0])
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	path, err := store.Pull(ctx, spec, string(cfg.DataDir), p.err)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.out, path)
	return err
}

func pathOfModel(_ *cobra.Command, p process, cfg config.Config, words []string) error {
	path, err := store.Resolve(words[0], string(cfg.DataDir))
	if missing, ok := errors.AsType[*store.MissingError](err); ok {
		return fmt.Errorf("%w; fetch it with `moltbot models pull %s`", err, missing.Spec.Name)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.out, path)
	return err
}

// megabytes writes a number of bytes for people, in powers of 1000.
func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }
