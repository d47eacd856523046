package main

import (
	"strings"
	"testing"

	"github.com/moltbot/moltbot/internal/config"
	"github.com/moltbot/moltbot/internal/testmodel"
	"github.com/moltbot/moltbot/models/gguf"
)

func TestMemoryIsPlannedForTheDraftModelToo(t *testing.T) {
	file, err := gguf.Check(testmodel.Path(t, "smollm2"))
	if err != nil {
		t.Fatal(err)
	}
	draft, err := gguf.Check(testmodel.Path(t, "gemma3"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := config.Default().Model
	cfg.Ctx, cfg.KVType, cfg.KVTypeV, cfg.RPC, cfg.TensorSplit = 2048, "q8_0", "q4_0", "box:50052", "3,1"
	alone, p := newPlanWith(nil, cfg, file, -1), newPlanWith(draft, cfg, file, -1)
	if alone.draft != nil || p.need != alone.need || p.total() <= alone.total()+draft.Weights {
		t.Errorf("%d bytes with a draft model of %d bytes, %d without", p.total(), draft.Weights, alone.total())
	}
	d := p.draft
	if d.KVCells != p.KVCells || d.Parallel != p.Parallel || d.Threads != p.Threads || d.RPC != "" || d.TensorSplit != "" || d.KVTypeOfV() != "f16" || !d.swaFull {
		t.Errorf("the draft model is opened as %+v", d)
	}
	if err := p.fits(p.total()); err != nil {
		t.Errorf("it fits to the byte, got %v", err)
	}
	err = p.fits(p.total() - 1)
	for _, want := range []string{"SmolLM2-135M-Instruct.Q4_1 with its draft model gemma-3-270m-q4_k_m needs", "or take model.draft out"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestWhatTheDraftModelTakesIsNotFreeForWindows: they are kept whole where there is room beside it.
func TestWhatTheDraftModelTakesIsNotFreeForWindows(t *testing.T) {
	file, err := gguf.Check(testmodel.Path(t, "gemma3"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := config.Default().Model
	cfg.SWAFull = "auto"
	whole := newPlan(cfg, file, 1<<40)
	free := 4*whole.need.KV + file.Weights
	if alone := newPlanWith(nil, cfg, file, free); !alone.swaFull {
		t.Error("without a draft model there is no room")
	}
	if beside := newPlanWith(file, cfg, file, free); beside.swaFull {
		t.Error("the same room is free beside a draft model")
	}
}

func TestCheckDraft(t *testing.T) {
	pt := healthy(t)
	wantFinding(t, checkDraft(t.Context(), pt), "ok", "none")
	before := checkMemory(t.Context(), pt)
	pt.cfg.Model.Draft = pt.cfg.Model.PathOrName
	wantFinding(t, checkDraft(t.Context(), pt), "ok", "llama, Q4_1")
	if after := checkMemory(t.Context(), pt); after.Found == before.Found {
		t.Errorf("with and without a draft model %s", after.Found)
	}
	pt.cfg.Model.Draft = "./nowhere.gguf"
	wantFinding(t, checkDraft(t.Context(), pt), "fail", "nowhere.gguf")
	wantFinding(t, checkMemory(t.Context(), pt), "warn", "are free")
	pt.cfg.Model.Draft = config.Path(put(t, "other.gguf", "GIF89a", 0o600))
	wantFinding(t, checkDraft(t.Context(), pt), "fail", "not a usable GGUF file")
}
