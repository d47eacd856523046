package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/moltbot/moltbot/bench/kernel"
	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/sample"
	"github.com/moltbot/moltbot/internal/config"
	"github.com/moltbot/moltbot/models/gguf"
)

// kernelFlags is what `moltbot bench kernel` is told.
type kernelFlags struct {
	grid        kernel.Grid
	sampling    sample.Params
	topLogprobs int // -1: no log-probabilities
	json        bool
}

// kernelModel is an open model without an engine.
type kernelModel struct {
	engine.Backend
	vocab engine.Vocab
	close func() // frees what the backend doesn't own
}

// newBenchKernel measures the engine in this process.
func newBenchKernel(p process) *cobra.Command {
	var f kernelFlags
	cmd := &cobra.Command{
		Use:   "kernel",
		Short: "Measure the engine without HTTP",
		Long: `Measure the engine without HTTP, in this process: B prompts of PP random tokens are
prefilled together, then TG steps of B rows follow. The columns up to S t/s are
those of llama-batched-bench. STEP ms is the time of one decode step, OUT what of
it was spent outside of llama_decode: planning, the cache's ledger, sampling,
delivery. No step has drafts and no prompt shares a prefix. Where the weights lie in this machine's memory, the
roofline says how long a plain loop takes to read those of a step.`,
		Example: `  moltbot bench kernel --model smollm2
  moltbot bench kernel --model model.gguf --prompt-tokens 128,2048 --batch 1,8 --json`,
		Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return f.run(ctx, cmd, p)
		},
	}
	addSettings(cmd, "data", "model", "threads")
	cmd.Flags().IntSliceVar(&f.grid.Prompts, "prompt-tokens", []int{128, 512}, "tokens of a prompt: how deep decoding is; several measure each")
	cmd.Flags().IntVar(&f.grid.Output, "output-tokens", 64, "decode steps of a measurement")
	cmd.Flags().IntSliceVar(&f.grid.Batches, "batch", []int{1, 2, 4, 8, 16, 32}, "sequences at once; several measure each")
	cmd.Flags().Float64Var(&f.sampling.Temperature, "temperature", 1, "sample as a request with this temperature would")
	cmd.Flags().IntVar(&f.sampling.TopK, "top-k", 0, "the same for top_k; 0: all tokens")
	cmd.Flags().Float64Var(&f.sampling.TopP, "top-p", 1, "the same for top_p")
	cmd.Flags().Float64Var(&f.sampling.MinP, "min-p", 0, "the same for min_p")
	cmd.Flags().IntVar(&f.topLogprobs, "top-logprobs", -1, "report log-probabilities and so many alternatives; -1: none")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON and no table")
	return cmd
}

func (f kernelFlags) run(ctx context.Context, cmd *cobra.Command, p process) error {
	if err := f.check(); err != nil {
		return err
	}
	cfg, err := loadConfig(cmd, p)
	if err != nil {
		return err
	}
	planned, err := prepare(ctx, f.shape(cfg.Config), p.err)
	if err != nil {
		return err
	}
	r, err := f.measure(ctx, p, planned)
	if err != nil {
		return err
	}
	if r.Roofline, err = roofline(planned); err != nil {
		return err
	}
	if f.json {
		return r.JSON(p.out)
	}
	if r.Roofline == nil {
		return nil
	}
	return r.Roofline.Foot(p.out, r.Lines)
}

// check refuses a grid that no engine can run.
func (f kernelFlags) check() error {
	for _, n := range slices.Concat(f.grid.Prompts, f.grid.Batches, []int{f.grid.Output}) {
		if n < 1 {
			return usageError{fmt.Errorf("--prompt-tokens, --output-tokens and --batch: %d is too small, at least 1", n)}
		}
	}
	if n := f.topLogprobs; n < -1 || n > 20 {
		return usageError{fmt.Errorf("--top-logprobs: %d is out of range, -1 to 20", n)}
	}
	if n := slices.Max(f.grid.Batches); n > maxSeqs {
		return usageError{fmt.Errorf("--batch: %d is too large, at most %d", n, maxSeqs)}
	}
	return nil
}

// maxSeqs is LLAMA_MAX_SEQ of llama.cpp.
const maxSeqs = 256

// shape makes the context as large as the grid needs.
func (f kernelFlags) shape(cfg config.Config) config.Config {
	m := &cfg.Model
	m.Batch = max(m.Batch, slices.Max(f.grid.Batches))
	need := f.grid.Limits(m.Batch)
	m.Parallel, m.Ctx, m.KVCells, m.Queue = need.Seqs, need.Context, need.Cells, need.Seqs
	return cfg
}

// measure runs the grid; without --json each line is printed when it is there.
func (f kernelFlags) measure(ctx context.Context, p process, planned plan) (kernel.Report, error) {
	r := kernel.Report{
		Model: planned.info.ID, Version: "moltbot " + version + ", " + commit,
		Threads: planned.Threads, Rows: planned.Batch, Cells: planned.KVCells,
	}
	b, end, err := f.bench(ctx, planned)
	if err != nil {
		return r, err
	}
	defer end()
	if !f.json {
		if err := kernel.Head(p.out); err != nil {
			return r, err
		}
	}
	err = b.Run(ctx, func(l kernel.Line) error {
		r.Lines = append(r.Lines, l)
		if f.json {
			return nil
		}
		return l.Row(p.out)
	})
	return r, err
}

// bench opens the model and starts an engine over a meter; end closes both.
func (f kernelFlags) bench(ctx context.Context, planned plan) (b kernel.Bench, end func(), err error) {
	m, err := openKernel(ctx, planned)
	if err != nil {
		return b, nil, fmt.Errorf("load %s: %w", planned.path, err)
	}
	meter := kernel.NewMeter(m.Backend)
	e, err := engine.New(meter, m.vocab, engine.Config{
		Context: planned.Ctx, Costs: kernel.Proportional(), Limits: engine.Limits{Queue: planned.Queue},
	})
	if err != nil {
		m.Backend.Close()
		m.close()
		return b, nil, err
	}
	return kernel.Bench{Engine: e, Meter: meter, Grid: f.grid, Choices: f.choices()}, func() {
		e.Close(ctx)
		m.close()
	}, nil
}

func (f kernelFlags) choices() kernel.Choices {
	return kernel.Choices{Sampling: f.sampling, Logprobs: f.topLogprobs >= 0, TopLogprobs: max(0, f.topLogprobs)}
}

// roofline reads as much memory as a decode step does; nil where a GPU holds the weights.
func roofline(planned plan) (*kernel.Roofline, error) {
	if nativeLibraries().GPUs != nil && planned.GPULayers != 0 {
		return nil, nil
	}
	file, err := gguf.Check(planned.path)
	if err != nil {
		return nil, err
	}
	return &kernel.Roofline{StepBytes: file.StepBytes(), Bandwidth: kernel.Bandwidth(file.StepBytes(), planned.Threads)}, nil
}
