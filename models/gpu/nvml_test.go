//go:build cgo && linux

package gpu

import (
	"errors"
	"reflect"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
)

// driver is one that works, with one GPU.
func driver() (*mock.Interface, *mock.Device) {
	d := &mock.Device{
		GetNameFunc:                  func() (string, nvml.Return) { return "NVIDIA T4", nvml.SUCCESS },
		GetMemoryInfoFunc:            func() (nvml.Memory, nvml.Return) { return nvml.Memory{Total: 16 << 30, Used: 1 << 30}, nvml.SUCCESS },
		GetCudaComputeCapabilityFunc: func() (int, int, nvml.Return) { return 7, 5, nvml.SUCCESS },
	}
	return &mock.Interface{
		InitFunc:                       func() nvml.Return { return nvml.SUCCESS },
		ShutdownFunc:                   func() nvml.Return { return nvml.SUCCESS },
		SystemGetDriverVersionFunc:     func() (string, nvml.Return) { return "570.86.15", nvml.SUCCESS },
		SystemGetCudaDriverVersionFunc: func() (int, nvml.Return) { return 12080, nvml.SUCCESS },
		DeviceGetCountFunc:             func() (int, nvml.Return) { return 1, nvml.SUCCESS },
		DeviceGetHandleByIndexFunc:     func(int) (nvml.Device, nvml.Return) { return d, nvml.SUCCESS },
	}, d
}

func TestListTellsWhatTheDriverSays(t *testing.T) {
	lib, _ := driver()
	got, err := list(lib)
	want := Report{GPUs: []GPU{{"NVIDIA T4", 16 << 30, 1 << 30, "7.5"}}, Driver: "570.86.15", CUDA: "12.8"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

func TestWithoutADriverThereIsAReason(t *testing.T) {
	for ret, want := range map[nvml.Return]string{
		nvml.ERROR_LIBRARY_NOT_FOUND: "no NVIDIA driver is installed",
		nvml.ERROR_DRIVER_NOT_LOADED: "the NVIDIA driver is installed but not loaded",
	} {
		lib, _ := driver()
		lib.InitFunc = func() nvml.Return { return ret }
		if got, err := list(lib); err != nil || got.Reason != want || len(got.GPUs) > 0 {
			t.Errorf("got %+v, %v; want the reason %q", got, err, want)
		}
	}
}

func TestADriverWithoutGPUsIsAReason(t *testing.T) {
	lib, _ := driver()
	lib.DeviceGetCountFunc = func() (int, nvml.Return) { return 0, nvml.SUCCESS }
	if got, err := list(lib); err != nil || got.Reason != "the NVIDIA driver sees no GPU" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWhatTheDriverRefusesIsAnError(t *testing.T) {
	for step, refuse := range map[string]func(*mock.Interface, *mock.Device){
		"start": func(l *mock.Interface, _ *mock.Device) { l.InitFunc = func() nvml.Return { return nvml.ERROR_UNKNOWN } },
		"end": func(l *mock.Interface, _ *mock.Device) {
			l.ShutdownFunc = func() nvml.Return { return nvml.ERROR_UNKNOWN }
		},
		"driver": func(l *mock.Interface, _ *mock.Device) {
			l.SystemGetDriverVersionFunc = func() (string, nvml.Return) { return "", nvml.ERROR_UNKNOWN }
		},
		"CUDA": func(l *mock.Interface, _ *mock.Device) {
			l.SystemGetCudaDriverVersionFunc = func() (int, nvml.Return) { return 0, nvml.ERROR_UNKNOWN }
		},
		"count": func(l *mock.Interface, _ *mock.Device) {
			l.DeviceGetCountFunc = func() (int, nvml.Return) { return 0, nvml.ERROR_UNKNOWN }
		},
		"handle": func(l *mock.Interface, _ *mock.Device) {
			l.DeviceGetHandleByIndexFunc = func(int) (nvml.Device, nvml.Return) { return nil, nvml.ERROR_GPU_IS_LOST }
		},
		"name": func(_ *mock.Interface, d *mock.Device) {
			d.GetNameFunc = func() (string, nvml.Return) { return "", nvml.ERROR_GPU_IS_LOST }
		},
		"memory": func(_ *mock.Interface, d *mock.Device) {
			d.GetMemoryInfoFunc = func() (nvml.Memory, nvml.Return) { return nvml.Memory{}, nvml.ERROR_GPU_IS_LOST }
		},
		"capability": func(_ *mock.Interface, d *mock.Device) {
			d.GetCudaComputeCapabilityFunc = func() (int, int, nvml.Return) { return 0, 0, nvml.ERROR_GPU_IS_LOST }
		},
	} {
		lib, d := driver()
		refuse(lib, d)
		_, err := list(lib)
		if _, is := errors.AsType[nvml.Return](err); !is {
			t.Errorf("%s: got %v, want the driver's error", step, err)
		}
	}
}
