package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/moltbot/moltbot/internal/config"
	"github.com/moltbot/moltbot/internal/testmodel"
	"github.com/moltbot/moltbot/models/gguf"
	"github.com/moltbot/moltbot/models/rpc"
)

func TestDevicesAreListedInTheOrderOfLlamaCpp(t *testing.T) {
	server := rpc.Server{Endpoint: "box:50052", Devices: []rpc.Device{{Free: 2e9}, {Free: 3e9}}}
	for _, c := range []struct {
		rule    string
		native  libraries
		servers []rpc.Server
		want    []string
		free    int64
	}{
		{"a CPU alone is no device", libraries{}, nil, nil, 0},
		{"RPC servers come first", libraries{GPUs: []string{"CUDA0"}, GPUFree: 8e9}, []rpc.Server{server}, []string{"RPC0", "RPC1", "CUDA0"}, 13e9},
		{"a GPU that shares the memory counts where there is no other", libraries{IGPUs: []string{"Vulkan0"}}, nil, []string{"Vulkan0"}, 0},
		{"beside another it doesn't", libraries{GPUs: []string{"CUDA0"}, IGPUs: []string{"Vulkan0"}}, nil, []string{"CUDA0"}, 0},
	} {
		t.Run(c.rule, func(t *testing.T) {
			n := c.native.with(c.servers)
			if got := n.devices(); !slices.Equal(got, c.want) || n.GPUFree != c.free {
				t.Errorf("got %v with %d free", got, n.GPUFree)
			}
		})
	}
}

func TestSplitIsHeldAgainstTheDevices(t *testing.T) {
	two := []string{"CUDA0", "CUDA1"}
	for _, c := range []struct {
		rule    string
		set     func(*config.Model)
		devices []string
		want    string // of the error; "": none
	}{
		{"the defaults go with everything", func(*config.Model) {}, nil, ""},
		{"a share for each device", func(m *config.Model) { m.TensorSplit = "3,1" }, two, ""},
		{"more shares than devices", func(m *config.Model) { m.TensorSplit = "3,1" }, two[:1], "model.tensor_split has 2 shares, and there is one device: CUDA0"},
		{"shares of a CPU", func(m *config.Model) { m.TensorSplit = "1" }, nil, "there is no device besides the CPU"},
		{"rows need a device", func(m *config.Model) { m.SplitMode = "row" }, nil, "model.split_mode row needs a device"},
		{"tensors are split over devices", func(m *config.Model) { m.SplitMode = "tensor" }, two, ""},
		{"a main GPU that is there", func(m *config.Model) { m.SplitMode, m.MainGPU = "none", 1 }, two, ""},
		{"a main GPU that isn't", func(m *config.Model) { m.SplitMode, m.MainGPU = "none", 2 }, two, "model.main_gpu is 2, counting from 0, and there are 2 devices: CUDA0, CUDA1"},
		{"servers that no layer goes to", func(m *config.Model) { m.GPULayers, m.RPC = 0, "box:50052" }, two, "model.gpu_layers is 0"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			m := config.Default().Model
			c.set(&m)
			err := judgeSplit(m, c.devices)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestLayoutIsSaidInALine(t *testing.T) {
	two := []string{"RPC0", "CUDA0"}
	for _, c := range []struct {
		rule, want string
		set        func(*config.Model)
	}{
		{"by free memory", "all layers over RPC0, CUDA0, split by layer, by free memory", func(*config.Model) {}},
		{"in shares", "all layers over RPC0, CUDA0, split by row, in shares of 3:1", func(m *config.Model) { m.SplitMode, m.TensorSplit = "row", "3,1" }},
		{"on one", "12 layers on CUDA0", func(m *config.Model) { m.SplitMode, m.MainGPU, m.GPULayers = "none", 1, 12 }},
	} {
		t.Run(c.rule, func(t *testing.T) {
			m := config.Default().Model
			c.set(&m)
			if got := layout(m, two); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestDoctorSaysThatAnRPCServerIsGone(t *testing.T) {
	pt := &patient{cfg: config.Default()}
	wantFinding(t, checkDevices(t.Context(), pt), "ok", "the CPU holds every layer")
	pt.cfg.Model.RPC = "127.0.0.1:1"
	wantFinding(t, checkDevices(t.Context(), pt), "fail", "model.rpc: RPC server 127.0.0.1:1: ")
}

func TestWindowsAreKeptWholeWhereMemoryAllows(t *testing.T) {
	file, err := gguf.Check(testmodel.Path(t, "gemma3"))
	if err != nil {
		t.Fatal(err)
	}
	use := gguf.Use{Cells: 8192, Seqs: 4, Rows: 512, SWAFull: true}
	least := 4*file.Need(use).KV + file.Weights
	use.SWAFull = false
	for _, c := range []struct {
		rule, mode string
		free       int64
		want       bool
	}{
		{"a quarter of what is free holds them", "auto", least, true},
		{"a byte less doesn't", "auto", least - 4, false},
		{"unknown memory doesn't", "auto", -1, false},
		{"on is on", "on", 0, true},
		{"off is off", "off", 1 << 50, false},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := wholeWindows(c.mode, file, use, c.free); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
	if wholeWindows("on", &gguf.Model{}, use, 1<<50) {
		t.Error("a model without windows keeps them whole")
	}
}
