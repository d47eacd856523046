package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/moltbot/moltbot/bench/measure"
	benchreport "github.com/moltbot/moltbot/bench/report"
	benchrun "github.com/moltbot/moltbot/bench/run"
)

// benchFlags is what `moltbot bench` is told.
type benchFlags struct {
	benchTargets
	benchLoad
	rounds   int
	timeout  time.Duration
	patience time.Duration
	slo      map[string]string
	out      string
}

// newBench measures servers.
func newBench(p process) *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench [workload…]",
		Short: "Measure OpenAI-compatible servers, side by side",
		Long: `Measure OpenAI-compatible servers, side by side. The first target is compared
with the others: targets by --url, then by --spawn, then by --against, in the
order of the command line. Without any it is the server on this machine.
Targets take turns, round by round, and only one is under load at a time.
"moltbot bench list" describes the workloads; without one it is single.`,
		Example: `  moltbot bench chat agents
  moltbot bench single --against llama-server=http://127.0.0.1:8081 --rounds 8 --out report
  moltbot bench chat --concurrency 1,2,4,8 --out report
  moltbot bench single --spawn 'moltbot=moltbot serve --listen 127.0.0.1:{port}' \
    --spawn 'llama-server=llama-server -m model.gguf --port {port}'`,
		RunE: func(cmd *cobra.Command, names []string) error { return bench(cmd.Context(), p, f, names) },
	}
	f.benchTargets.add(cmd)
	f.benchLoad.add(cmd)
	cmd.Flags().IntVar(&f.rounds, "rounds", 1, "how often each target has its turn; a ratio's interval needs 6 or more")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 5*time.Minute, "longest time of one request")
	cmd.Flags().DurationVar(&f.patience, "start-timeout", 2*time.Minute, "longest start of a spawned target")
	cmd.Flags().StringToStringVar(&f.slo, "slo", nil, "limits for goodput: ttft=1s,itl=100ms")
	cmd.Flags().StringVar(&f.out, "out", "", "`DIR` for report.json, report.md, the plots, and the output of spawned targets")
	cmd.Flags().SortFlags = false
	cmd.AddCommand(newBenchKernel(p), newBenchList(p), newBenchSummary(p))
	return cmd
}

// bench measures, shows the table and saves the report. What was measured before
// an interruption is shown and saved too.
func bench(ctx context.Context, p process, f benchFlags, names []string) error {
	cfg, setup, err := f.config(p, names)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	watch := newBenchWatcher(p.err, f.rounds*len(cfg.Cases)*len(cfg.Targets))
	cfg.Watch = watch
	outcome, failed := benchrun.All(ctx, cfg)
	watch.end()
	if len(outcome.Turns) == 0 {
		return failed
	}
	r := benchreport.New(setup, outcome)
	if f.out != "" {
		failed = errors.Join(failed, r.Save(f.out))
	}
	return errors.Join(failed, r.Table(p.out))
}

// config reads the flags into what to measure and what the report says of it.
func (f benchFlags) config(p process, names []string) (benchrun.Config, benchreport.Setup, error) {
	limits, err := f.limits()
	if err != nil {
		return benchrun.Config{}, benchreport.Setup{}, err
	}
	targets, err := f.benchTargets.targets(p)
	if err != nil {
		return benchrun.Config{}, benchreport.Setup{}, err
	}
	cases, err := f.cases(names)
	if err != nil {
		return benchrun.Config{}, benchreport.Setup{}, err
	}
	if f.rounds < 1 {
		return benchrun.Config{}, benchreport.Setup{}, usageError{fmt.Errorf("--rounds: %d is too small, at least 1", f.rounds)}
	}
	if f.out != "" {
		if err := os.MkdirAll(f.out, 0o755); err != nil {
			return benchrun.Config{}, benchreport.Setup{}, fmt.Errorf("--out: %w", err)
		}
	}
	cfg := benchrun.Config{Targets: targets, Cases: cases, Rounds: f.rounds, Timeout: f.timeout, Patience: f.patience, LogDir: f.out}
	machine := benchreport.ThisMachine()
	cfg.GPU = benchGPU(&machine)
	return cfg, benchreport.Setup{
		Made: time.Now(), Version: "moltbot " + version + ", " + commit, Command: os.Args, Machine: machine,
		Rounds: f.rounds, Limits: limits, Seed: f.options.Seed,
	}, nil
}

// limits reads --slo.
func (f benchFlags) limits() (l measure.Limits, err error) {
	for name, text := range f.slo {
		d, err := time.ParseDuration(text)
		if err != nil {
			return l, usageError{fmt.Errorf("--slo: %s: %w", name, err)}
		}
		switch name {
		case "ttft":
			l.TTFT = d
		case "itl":
			l.ITL = d
		default:
			return l, usageError{fmt.Errorf("--slo: unknown limit '%s', there are ttft and itl", name)}
		}
	}
	return l, nil
}
