package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/batching"
	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/internal/config"
	"github.com/moltbot/moltbot/models"
	"github.com/moltbot/moltbot/models/gguf"
)

// longestByDefault bounds the context where the configuration leaves it to the model.
const longestByDefault = 8192

// plan is how a checked model will be opened: the configuration with every 0 resolved.
type plan struct {
	config.Model
	info  models.Info
	path  string
	data  string // the data folder
	cache config.Cache
	need  gguf.Need // memory
	chat  bool      // the model brings a chat template

	swaFull  bool // sliding-window layers keep every token
	adapters []adapter
	draft    *plan // nil: there is no draft model
}

// newPlan resolves what the configuration leaves to the model and to the machine,
// which has so many bytes free; -1: unknown.
func newPlan(cfg config.Model, file *gguf.Model, free int64) plan {
	p := plan{Model: cfg, path: file.Path, chat: file.Template}
	p.Ctx = cmp.Or(cfg.Ctx, min(file.Context, longestByDefault))
	p.KVCells = max(cfg.KVCells, p.Ctx)
	p.Threads = cmp.Or(cfg.Threads, physicalCores())
	p.swaFull = wholeWindows(cfg.SWAFull, file, p.use(), free)
	p.need = file.Need(p.use())
	p.info = fileInfo(cfg.Alias, file)
	return p
}

// use is what the context is opened for.
func (p plan) use() gguf.Use {
	return gguf.Use{
		Cells: p.KVCells, Seqs: p.Parallel, Rows: p.Batch, Outputs: p.Parallel + engine.DraftRows,
		K: numberBytes[p.KVType], V: numberBytes[p.KVTypeOfV()], SWAFull: p.swaFull,
	}
}

// fileInfo is what the wire tells of a model's file.
func fileInfo(alias string, file *gguf.Model) models.Info {
	out := models.Info{ID: nameOnTheWire(alias, file.Path), Size: file.Weights, State: "ready"}
	if info, err := os.Stat(file.Path); err == nil {
		out.Created, out.Size = info.ModTime(), info.Size()
	}
	return out
}

// numberBytes is the size of a KV cache's number (block sizes of ggml-common.h).
var numberBytes = map[string]float64{"f32": 4, "f16": 2, "bf16": 2, "q8_0": 34.0 / 32, "q4_0": 18.0 / 32}

// wholeWindows decides whether sliding-window layers keep every token. What they
// have forgotten must be computed again before a kept prefix can be resumed
// inside; what they keep is looked at in every step. auto keeps it where memory
// is no question: the KV cache takes a quarter at most of what the weights leave
// free, so that prefixes in RAM and other models still have room.
func wholeWindows(mode string, file *gguf.Model, use gguf.Use, free int64) bool {
	if mode != "auto" || file.Window == 0 {
		return mode == "on" && file.Window > 0
	}
	use.SWAFull = true
	return file.Need(use).KV <= (free-file.Weights)/4
}

// names are all that the model answers to on the wire.
func (p plan) names() []string {
	all := []string{p.info.ID}
	for _, a := range p.adapters {
		all = append(all, a.Name)
	}
	return all
}

// nameOnTheWire is the alias, or the file's name without its extension.
func nameOnTheWire(alias, path string) string {
	return cmp.Or(alias, strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)))
}

// folder is where the model keeps something of its own in the data folder.
func (p plan) folder(name string) string {
	return filepath.Join(p.data, name, nameOnTheWire("", p.path))
}

// engine is how the engine is to run.
func (p plan) engine(costs *batching.Costs, log zerolog.Logger) engine.Config {
	return engine.Config{
		Context: p.Ctx, Costs: costs, NoDrafts: !p.Drafts, Log: log,
		Limits: engine.Limits{Queue: p.Queue, Step: time.Duration(p.Step), Age: age},
		Cache:  engine.Cache{RAM: int64(p.cache.RAM), Disk: int64(p.cache.Disk), Folder: p.folder("cache")},
	}
}

// age is how long a request waits until it counts as one class higher.
const age = 10 * time.Second

// fits compares what the plan needs with the bytes that are free; free < 0 is unknown.
func (p plan) fits(free int64) error {
	if free < 0 || p.total() <= free {
		return nil
	}
	kv, with, or := p.need.KV, "", ""
	if p.draft != nil {
		kv += p.draft.need.KV
		with, or = " with its draft model "+p.draft.info.ID, ", or take model.draft out"
	}
	return fmt.Errorf("too little memory: %s%s needs %s (%s of it for %d tokens of context), %s are free; try a smaller --ctx or a smaller model%s",
		p.info.ID, with, megabytes(p.total()), megabytes(kv), p.KVCells, megabytes(free), or)
}
