//go:build cgo

package llama

import (
	"fmt"

	cllama "github.com/moltbot/moltbot/cgo/llama"
)

// Devices say where a model computes besides the CPU.
type Devices struct {
	GPULayers   int       // layers on devices, where there are some; -1: all
	SplitMode   string    // layer, none, row, tensor; "": layer
	TensorSplit []float64 // share of each device; none: by their free memory
	MainGPU     int       // with none: the device that holds the model
	RPC         []string  // servers (host:port) whose devices come first; they must be there
}

var splitModes = map[string]cllama.SplitMode{
	"": cllama.SplitLayer, "layer": cllama.SplitLayer, "none": cllama.SplitNone, "row": cllama.SplitRow, "tensor": cllama.SplitTensor,
}

// modelParams is where the weights go.
func (d Devices) modelParams() cllama.ModelParams {
	p := cllama.ModelParams{GPULayers: d.GPULayers, SplitMode: splitModes[d.SplitMode], MainGPU: d.MainGPU}
	for _, share := range d.TensorSplit {
		p.TensorSplit = append(p.TensorSplit, float32(share))
	}
	return p
}

// connect adds the devices of the RPC servers.
func (d Devices) connect() error {
	for _, server := range d.RPC {
		if err := cllama.AddRPC(server); err != nil {
			return fmt.Errorf("RPC server %s: %w", server, err)
		}
	}
	return nil
}

// onGPU tells whether steps are computed on a GPU.
func (d Devices) onGPU() bool {
	for _, dev := range cllama.Devices() {
		if d.GPULayers != 0 && (dev.Type == cllama.DeviceGPU || dev.Type == cllama.DeviceIGPU) {
			return true
		}
	}
	return false
}
