package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	benchrun "github.com/moltbot/moltbot/bench/run"
	"github.com/moltbot/moltbot/bench/workload"
)

// benchLoad are the flags that shape the load.
type benchLoad struct {
	options     workload.Options
	concurrency []int
	prompts     string
}

func (f *benchLoad) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.IntVar(&f.options.Requests, "requests", 0, "sessions of a round; a session of several turns is several requests (default: the workload's)")
	fs.DurationVar(&f.options.Duration, "duration", 0, "start sessions for so long, instead of --requests")
	fs.IntSliceVar(&f.concurrency, "concurrency", nil, "clients of the closed loop; 1,2,4,8 measures each (default: the workload's)")
	fs.Float64Var(&f.options.Rate, "rate", 0, "sessions per second of an open loop, at random times")
	fs.Uint64Var(&f.options.Seed, "seed", 1, "of the prompts and of the arrival times")
	fs.IntVar(&f.options.Prompt, "prompt-tokens", 0, "about so many tokens in a prompt (default: the workload's)")
	fs.IntVar(&f.options.Output, "output-tokens", 0, "most tokens of an answer (default: the workload's)")
	fs.IntVar(&f.options.KV, "kv-tokens", 0, "tokens that the server's KV cache holds, for multiturn")
	fs.StringVar(&f.prompts, "prompts", "", "`FILE` of real prompts, JSON lines, for the workload file")
}

// cases are the workloads by name, once for each concurrency.
func (f benchLoad) cases(names []string) ([]benchrun.Case, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	chosen, err := f.workloads(names)
	if err != nil {
		return nil, err
	}
	if f.options.Prompts, err = f.readPrompts(chosen); err != nil {
		return nil, err
	}
	clients := f.concurrency
	if len(clients) == 0 {
		clients = []int{0}
	}
	var all []benchrun.Case
	for _, w := range chosen {
		for _, n := range clients {
			options := f.options
			options.Concurrency = n
			all = append(all, benchrun.Case{Workload: w, Options: w.With(options)})
		}
	}
	return all, nil
}

// check refuses numbers that make no load.
func (f benchLoad) check() error {
	o := f.options
	for flag, n := range map[string]float64{
		"requests": float64(o.Requests), "duration": o.Duration.Seconds(), "rate": o.Rate,
		"prompt-tokens": float64(o.Prompt), "output-tokens": float64(o.Output), "kv-tokens": float64(o.KV),
	} {
		if n < 0 {
			return usageError{fmt.Errorf("--%s: %v is too small, at least 0", flag, n)}
		}
	}
	for _, n := range f.concurrency {
		if n < 1 {
			return usageError{fmt.Errorf("--concurrency: %d is too small, at least 1", n)}
		}
	}
	return nil
}

// workloads finds them by name. Without a name it is file where there is a file, else single.
func (f benchLoad) workloads(names []string) (chosen []workload.Workload, err error) {
	switch {
	case len(names) == 0 && f.prompts != "":
		names = []string{"file"}
	case len(names) == 0:
		names = []string{"single"}
	}
	for _, name := range names {
		found := workload.Lookup(name)
		if len(found) == 0 {
			return nil, usageError{fmt.Errorf("unknown workload '%s'; see `moltbot bench list`", name)}
		}
		chosen = append(chosen, found...)
	}
	return chosen, nil
}

// readPrompts reads --prompts, which the workload file needs and no other takes.
func (f benchLoad) readPrompts(chosen []workload.Workload) ([]workload.Prompt, error) {
	needed := slices.ContainsFunc(chosen, func(w workload.Workload) bool { return w.Name == "file" })
	switch {
	case needed && f.prompts == "":
		return nil, usageError{errors.New("the workload file needs --prompts")}
	case !needed && f.prompts != "":
		return nil, usageError{errors.New("--prompts is for the workload file alone")}
	case !needed:
		return nil, nil
	}
	in, err := os.Open(f.prompts)
	if err != nil {
		return nil, fmt.Errorf("read the prompts: %w", err)
	}
	defer in.Close()
	prompts, err := workload.ReadPrompts(in)
	if err != nil {
		return nil, fmt.Errorf("read the prompts: %s: %w", f.prompts, err)
	}
	return prompts, nil
}
