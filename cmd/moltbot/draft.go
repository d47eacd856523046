package main

import (
	"context"
	"fmt"
	"io"

	"github.com/moltbot/moltbot/internal/config"
	"github.com/moltbot/moltbot/models/gguf"
	"github.com/moltbot/moltbot/models/store"
)

// draftKey names the draft model in the configuration.
const draftKey = "model.draft"

// findDraft finds or fetches the draft model and checks its file; nil where none is configured.
func findDraft(ctx context.Context, cfg config.Config, out io.Writer) (*gguf.Model, error) {
	name := string(cfg.Model.Draft)
	if name == "" {
		return nil, nil
	}
	path, err := find(ctx, name, draftKey, cfg, out)
	if err != nil {
		return nil, err
	}
	file, err := gguf.Check(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; %s", draftKey, err, mendFile(name, draftKey))
	}
	return file, nil
}

// newPlanWith plans a model and its draft model, which may be nil. What the draft
// model takes isn't free any more.
func newPlanWith(draft *gguf.Model, cfg config.Model, file *gguf.Model, free int64) plan {
	p := newPlan(cfg, file, free)
	if draft == nil {
		return p
	}
	d := p.forDraft(draft)
	p = newPlan(cfg, file, free-d.need.Total())
	p.draft = &d
	return p
}

// forDraft is how a draft model of p is opened: beside it on this machine, for as
// many tokens, with windows kept whole, since wrong guesses are cut off all the time.
func (p plan) forDraft(file *gguf.Model) plan {
	d := plan{Model: p.Model, path: file.Path, swaFull: true}
	d.KVType, d.KVTypeV = "f16", "same"
	d.SplitMode, d.TensorSplit, d.MainGPU, d.RPC = "layer", "", 0, ""
	d.need = file.Need(d.use())
	d.info = fileInfo("", file)
	return d
}

// total is the memory of the model and of its draft model.
func (p plan) total() int64 {
	n := p.need.Total()
	if p.draft != nil {
		n += p.draft.need.Total()
	}
	return n
}

// files tells which files are opened.
func (p plan) files() string {
	if p.draft == nil {
		return p.path
	}
	return fmt.Sprintf("%s with the draft model %s", p.path, p.draft.path)
}

// checkDraft looks for the draft model and reads its header.
func checkDraft(_ context.Context, pt *patient) finding {
	file, err := pt.draft()
	switch {
	case err != nil:
		return fail("name another with model.draft, fetch it with `moltbot models pull`, or take it out", "%v", err)
	case file == nil:
		return ok("none")
	}
	return ok("%s: %s, %s, %s", file.Path, file.Arch, file.Format, megabytes(file.Weights))
}

// draft is the draft model where it lies; nil where none is configured.
func (pt *patient) draft() (*gguf.Model, error) {
	if pt.cfg.Model.Draft == "" {
		return nil, nil
	}
	path, err := store.Resolve(string(pt.cfg.Model.Draft), string(pt.cfg.DataDir))
	if err != nil {
		return nil, err
	}
	return gguf.Check(path)
}
