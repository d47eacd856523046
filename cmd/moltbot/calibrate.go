package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/batching"
	"github.com/moltbot/moltbot/engine"
)

// calibration is how long the first start on a machine measures steps; the prices
// of scores and of cells may take half as long again each.
const calibration = 3 * time.Second

// meaning changes with what the numbers of a table say.
const meaning = "scores by rows, panels, attention, AMX"

// costTable is what steps cost, and the file where the next start finds it.
type costTable struct {
	costs *batching.Costs // the engine refines it while it runs
	path  string
	log   zerolog.Logger
}

// calibrated returns the costs of steps: those that an earlier run of this model
// on this machine has left, or measured now.
func calibrated(b engine.Backend, p plan, log zerolog.Logger) (costTable, error) {
	t := costTable{path: filepath.Join(p.folder("calibration"), fingerprint(b, p)+".json"), log: log}
	costs, err := readCosts(t.path)
	if err != nil {
		costs, err = measured(b, log)
	}
	t.costs = costs
	return t, err
}

func measured(b engine.Backend, log zerolog.Logger) (*batching.Costs, error) {
	began := time.Now()
	costs, err := engine.Calibrate(b, calibration)
	if err != nil {
		return nil, err
	}
	log.Info().Dur("took", time.Since(began)).Int("points", len(costs.Points)).Msg("measured how long steps take")
	return costs, nil
}

// keep writes the costs as the run has refined them.
func (t costTable) keep() {
	if err := writeCosts(t.path, t.costs); err != nil {
		t.log.Warn().Err(err).Msg("steps will be measured again at the next start")
	}
}

// fingerprint names all that the costs of steps depend on: the machine, the
// model with its number formats, and how it is run.
func fingerprint(b engine.Backend, p plan) string {
	h := sha256.New()
	fmt.Fprintln(h, meaning, cpuModel(), runtime.NumCPU(), p.Threads, p.GPULayers, p.KVType, p.KVTypeV, p.FlashAttention, p.swaFull, p.SplitMode, p.TensorSplit, p.MainGPU, p.RPC, p.Batch, p.Parallel, p.info.Size)
	h.Write(b.Identity())
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func readCosts(path string) (*batching.Costs, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	costs := &batching.Costs{}
	if err := json.Unmarshal(text, costs); err != nil {
		return nil, err
	}
	return costs, costs.Check()
}

// writeCosts replaces the file whole, so that no reader sees half of it.
func writeCosts(path string, costs *batching.Costs) error {
	text, err := json.MarshalIndent(costs, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
