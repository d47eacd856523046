package main

import (
	"strings"
	"testing"

	"github.com/moltbot/moltbot/bench/kernel"
	"github.com/moltbot/moltbot/internal/config"
)

func TestBenchKernelRefusesAGridThatNoEngineCanRun(t *testing.T) {
	for _, c := range []struct{ rule, line, want string }{
		{"a batch of nothing", "--batch 0", "0 is too small"},
		{"a prompt of nothing", "--prompt-tokens 64,-1", "-1 is too small"},
		{"no steps", "--output-tokens 0", "0 is too small"},
		{"too many alternatives", "--top-logprobs 21", "--top-logprobs: 21 is out of range"},
		{"more sequences than llama.cpp has", "--batch 257", "--batch: 257 is too large, at most 256"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got := command(t, process{}, strings.Fields("bench kernel "+c.line)...)
			if got.code != 2 || !strings.Contains(got.err, c.want) || got.out != "" {
				t.Errorf("got %+v, want %q and exit code 2", got, c.want)
			}
		})
	}
}

func TestBenchKernelMakesTheContextFitTheGrid(t *testing.T) {
	f := kernelFlags{grid: kernel.Grid{Prompts: []int{128, 1000}, Output: 64, Batches: []int{2, 32}}}
	cfg := config.Default()
	cfg.Model.Batch = 16
	m := f.shape(cfg).Model
	if m.Batch != 32 || m.Parallel != 32 || m.Queue != 32 || m.Ctx < 1064 || m.KVCells != 32*m.Ctx {
		t.Errorf("got %+v", m)
	}
}
