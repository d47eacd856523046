//go:build cgo && linux

package gpu

import (
	"errors"
	"fmt"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// List asks the driver for its GPUs. No driver, or none for this machine, is
// no error: the report says the reason. Errors: the driver's, in its words.
func List() (Report, error) { return list(nvml.New()) }

func list(lib nvml.Interface) (Report, error) {
	switch ret := lib.Init(); ret {
	case nvml.SUCCESS:
	case nvml.ERROR_LIBRARY_NOT_FOUND:
		return Report{Reason: "no NVIDIA driver is installed"}, nil
	case nvml.ERROR_DRIVER_NOT_LOADED:
		return Report{Reason: "the NVIDIA driver is installed but not loaded"}, nil
	default:
		return Report{}, fmt.Errorf("start NVML: %w", ret)
	}
	r, err := read(lib)
	if ret := lib.Shutdown(); ret != nvml.SUCCESS {
		err = errors.Join(err, fmt.Errorf("end NVML: %w", ret))
	}
	return r, err
}

func read(lib nvml.Interface) (r Report, err error) {
	var ret nvml.Return
	if r.Driver, ret = lib.SystemGetDriverVersion(); ret != nvml.SUCCESS {
		return r, fmt.Errorf("ask for the driver's version: %w", ret)
	}
	cuda, ret := lib.SystemGetCudaDriverVersion()
	if ret != nvml.SUCCESS {
		return r, fmt.Errorf("ask for CUDA's version: %w", ret)
	}
	r.CUDA = fmt.Sprintf("%d.%d", cuda/1000, cuda%1000/10)
	n, ret := lib.DeviceGetCount()
	if ret != nvml.SUCCESS {
		return r, fmt.Errorf("count the GPUs: %w", ret)
	}
	for i := range n {
		g, err := device(lib, i)
		if err != nil {
			return r, fmt.Errorf("GPU %d: %w", i, err)
		}
		r.GPUs = append(r.GPUs, g)
	}
	if n == 0 {
		r.Reason = "the NVIDIA driver sees no GPU"
	}
	return r, nil
}

func device(lib nvml.Interface, i int) (g GPU, err error) {
	d, ret := lib.DeviceGetHandleByIndex(i)
	if ret != nvml.SUCCESS {
		return g, fmt.Errorf("open: %w", ret)
	}
	if g.Name, ret = d.GetName(); ret != nvml.SUCCESS {
		return g, fmt.Errorf("ask for its name: %w", ret)
	}
	memory, ret := d.GetMemoryInfo()
	if ret != nvml.SUCCESS {
		return g, fmt.Errorf("ask for its memory: %w", ret)
	}
	g.Total, g.Used = int64(memory.Total), int64(memory.Used)
	major, minor, ret := d.GetCudaComputeCapability()
	if ret != nvml.SUCCESS {
		return g, fmt.Errorf("ask for its compute capability: %w", ret)
	}
	g.Capability = fmt.Sprintf("%d.%d", major, minor)
	return g, nil
}
