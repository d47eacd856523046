package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/moltbot/moltbot/internal/config"
	"github.com/moltbot/moltbot/models/gguf"
	"github.com/moltbot/moltbot/models/rpc"
	"github.com/moltbot/moltbot/models/store"
)

// askServers asks each configured RPC server what it has.
func askServers(ctx context.Context, m config.Model) (servers []rpc.Server, err error) {
	for _, endpoint := range m.RPC.List() {
		s, err := rpc.Ask(ctx, endpoint)
		if err != nil {
			return nil, fmt.Errorf("model.rpc: %w", err)
		}
		servers = append(servers, s)
	}
	return servers, nil
}

// with adds the devices of RPC servers, named as ggml will name them.
func (n libraries) with(servers []rpc.Server) libraries {
	for _, s := range servers {
		for range s.Devices {
			n.Remote = append(n.Remote, fmt.Sprintf("RPC%d", len(n.Remote)))
		}
		n.GPUFree += s.Free()
	}
	return n
}

// devices lists what layers can be put on, in llama.cpp's order: RPC servers,
// GPUs, and GPUs without memory of their own where there are no others.
func (n libraries) devices() []string {
	all := append(n.Remote[:len(n.Remote):len(n.Remote)], n.GPUs...)
	if len(n.GPUs) == 0 {
		all = append(all, n.IGPUs...)
	}
	return all
}

// judgeSplit refuses settings that the devices can't follow, and llama.cpp would
// leave out without a word.
func judgeSplit(m config.Model, devices []string) error {
	shares := len(m.TensorSplit.List())
	if m.GPULayers == 0 && (m.RPC != "" || shares > 0 || m.SplitMode != "layer") {
		return fmt.Errorf("model.gpu_layers is 0, so nothing can be split: take rpc, tensor_split and split_mode out, or set it to -1")
	}
	switch {
	case shares > 0 && shares != len(devices):
		return fmt.Errorf("model.tensor_split has %d shares, and there %s", shares, areDevices(devices))
	case (m.SplitMode == "row" || m.SplitMode == "tensor") && len(devices) == 0:
		return fmt.Errorf("model.split_mode %s needs a device besides the CPU, and there is none", m.SplitMode)
	case m.MainGPU >= max(1, len(devices)):
		return fmt.Errorf("model.main_gpu is %d, counting from 0, and there %s", m.MainGPU, areDevices(devices))
	}
	return nil
}

func areDevices(devices []string) string {
	switch len(devices) {
	case 0:
		return "is no device besides the CPU"
	case 1:
		return "is one device: " + devices[0]
	}
	return fmt.Sprintf("are %d devices: %s", len(devices), strings.Join(devices, ", "))
}

// checkDevices shows where the model would lie, and whether RPC servers answer.
func checkDevices(ctx context.Context, pt *patient) finding {
	m := pt.cfg.Model
	servers, err := askServers(ctx, m)
	if err != nil {
		return fail("start ggml-rpc-server there, from the same llama.cpp, or take it out of model.rpc", "%v", err)
	}
	devices := pt.native.with(servers).devices()
	if err := judgeSplit(m, devices); err != nil {
		return fail("mend the configuration: docs/devices.md says how a model is split", "%v", err)
	}
	if len(devices) == 0 || m.GPULayers == 0 {
		return ok("the CPU holds every layer")
	}
	var remote []string
	for _, s := range servers {
		remote = append(remote, fmt.Sprintf("%s answers with %s free", s.Endpoint, megabytes(s.Free())))
	}
	return ok("%s", strings.Join(append([]string{layout(m, devices)}, remote...), "; "))
}

// layout says in a line how the model lies on the devices.
func layout(m config.Model, devices []string) string {
	layers := "all layers"
	if m.GPULayers > 0 {
		layers = fmt.Sprintf("%d layers", m.GPULayers)
	}
	if m.SplitMode == "none" {
		return fmt.Sprintf("%s on %s", layers, devices[m.MainGPU])
	}
	shares := "by free memory"
	if list := m.TensorSplit.List(); list != nil {
		shares = "in shares of " + strings.ReplaceAll(string(m.TensorSplit), ",", ":")
	}
	return fmt.Sprintf("%s over %s, split by %s, %s", layers, strings.Join(devices, ", "), m.SplitMode, shares)
}

// checkAttention shows the number formats of the KV cache and how attention is computed.
func checkAttention(_ context.Context, pt *patient) finding {
	m := pt.cfg.Model
	windows := "sliding windows whole: " + m.SWAFull
	if path, err := store.Resolve(string(m.PathOrName), string(pt.cfg.DataDir)); err == nil {
		if file, err := gguf.Check(path); err == nil {
			windows = describeWindows(file, newPlan(m, file, pt.free).swaFull)
		}
	}
	flash := map[string]string{"auto": "where the device can", "on": "always", "off": "never"}[m.FlashAttention]
	return ok("K as %s, V as %s; flash attention %s; %s", m.KVType, m.KVTypeOfV(), flash, windows)
}

func describeWindows(file *gguf.Model, whole bool) string {
	switch {
	case file.Window == 0:
		return "no sliding windows"
	case whole:
		return fmt.Sprintf("windows of %d tokens, kept whole", file.Window)
	}
	return fmt.Sprintf("windows of %d tokens, the rest forgotten", file.Window)
}
