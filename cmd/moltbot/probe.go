package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/moltbot/moltbot/models"
)

// newProbe opens a model and leaves. A serving moltbot runs it in a process of
// its own: a file that passes every check and still crashes C ends that one.
func newProbe(p process) *cobra.Command {
	cmd := &cobra.Command{
		Use:    "probe [ROLE]",
		Hidden: true,
		Args:   cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, words []string) error {
			cfg, err := loadConfig(cmd, p)
			if err != nil {
				return err
			}
			if len(words) > 0 {
				return probeEncoder(cmd.Context(), p, cfg.Config, words[0])
			}
			prepared, err := prepare(cmd.Context(), cfg.Config, p.err)
			if err != nil {
				return err
			}
			m, err := p.open(cmd.Context(), prepared, zerolog.Nop())
			if err != nil {
				return fmt.Errorf("load %s: %w", prepared.files(), err)
			}
			m.Close(cmd.Context())
			return nil
		},
	}
	addSettings(cmd)
	return cmd
}

// givenFlags returns the flags of a command line, to be said again.
func givenFlags(cmd *cobra.Command) (line []string) {
	cmd.Flags().Visit(func(f *pflag.Flag) { line = append(line, "--"+f.Name+"="+f.Value.String()) })
	return line
}

// probe tries the model in a process of its own, once for each file and way of opening it.
func (s *service) probe(ctx context.Context, p plan) error {
	return s.tryApart(ctx, p.key(), p.files(), mendFile(string(s.cfg.Model.PathOrName), "--model"))
}

// tryApart does it for a model of any role; key stands for the file and the way
// of opening it, mend says what to do about a file that crashes.
func (s *service) tryApart(ctx context.Context, key, path, mend string, role ...string) error {
	seen := filepath.Join(string(s.cfg.DataDir), "probed", key)
	if _, err := os.Stat(seen); err == nil {
		return nil
	}
	err := models.Probe(ctx, s.exe, slices.Concat([]string{"probe"}, s.flags, role))
	switch {
	case errors.Is(err, models.ErrCrashed):
		return fmt.Errorf("%s: %w; %s", path, err, mend)
	case err != nil && ctx.Err() == nil:
		return errors.New(strings.TrimPrefix(err.Error(), "moltbot: ")) // the child's own last line
	case err != nil:
		return err
	}
	if err := remember(seen); err != nil {
		s.log.Warn().Err(err).Msg("the next start tries the model again")
	}
	return nil
}

// key stands for a file and the way in which it is opened.
func (p plan) key() string {
	what := fmt.Sprint(p.Model, p.path, p.info.Size, p.info.Created.UnixNano(), nativeLibraries().Version)
	if d := p.draft; d != nil {
		what += fmt.Sprint(d.path, d.info.Size, d.info.Created.UnixNano())
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(what)))[:32]
}

// remember leaves an empty file.
func remember(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, nil, 0o644)
}
