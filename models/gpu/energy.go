//go:build cgo && linux

package gpu

import "github.com/NVIDIA/go-nvml/pkg/nvml"

// Energy returns what all GPUs took since their driver was loaded, in joules; not
// ok: there is none, or one that can't tell (before Volta).
func Energy() (joules float64, ok bool) { return energy(nvml.New()) }

func energy(lib nvml.Interface) (joules float64, ok bool) {
	if lib.Init() != nvml.SUCCESS {
		return 0, false
	}
	defer lib.Shutdown()
	n, ret := lib.DeviceGetCount()
	if ret != nvml.SUCCESS {
		return 0, false
	}
	for i := range n {
		d, ret := lib.DeviceGetHandleByIndex(i)
		if ret != nvml.SUCCESS {
			return 0, false
		}
		millijoules, ret := d.GetTotalEnergyConsumption()
		if ret != nvml.SUCCESS {
			return 0, false
		}
		joules += float64(millijoules) / 1000
	}
	return joules, n > 0
}
