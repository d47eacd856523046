//go:build cgo && linux

package gpu

import (
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

func TestEnergyIsThatOfAllGPUs(t *testing.T) {
	lib, d := driver()
	lib.DeviceGetCountFunc = func() (int, nvml.Return) { return 2, nvml.SUCCESS }
	d.GetTotalEnergyConsumptionFunc = func() (uint64, nvml.Return) { return 1500, nvml.SUCCESS }
	if joules, ok := energy(lib); joules != 3 || !ok {
		t.Errorf("got %v J, %v; want 3", joules, ok)
	}
}

func TestEnergyThatAGPUCannotTellIsUnknown(t *testing.T) {
	lib, d := driver()
	d.GetTotalEnergyConsumptionFunc = func() (uint64, nvml.Return) { return 0, nvml.ERROR_NOT_SUPPORTED }
	if joules, ok := energy(lib); ok {
		t.Errorf("got %v J of a GPU that can't tell", joules)
	}
	lib.InitFunc = func() nvml.Return { return nvml.ERROR_LIBRARY_NOT_FOUND }
	if joules, ok := energy(lib); ok {
		t.Errorf("got %v J without a driver", joules)
	}
}
