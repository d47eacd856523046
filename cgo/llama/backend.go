package llama

/*
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"fmt"
	"path/filepath"
	"sync"
	"unsafe"

	"github.com/moltbot/moltbot/cgo/panels"
)

// PinnedVersion is the llama.cpp that these bindings are written for.
const PinnedVersion = "0.5.0"

// Init loads our kernels, then ggml's plug-ins from the folder that holds libllama,
// and starts llama.cpp. Only the first call works; the others return what it returned. It
// fails when no plug-in can run on this CPU or the library has another version.
func Init() error { return initOnce() }

var initOnce = sync.OnceValue(func() error {
	C.mb_log_install()
	if v := Version(); v != PinnedVersion {
		return fmt.Errorf("llama: the library is version %s, the bindings are for %s", v, PinnedVersion)
	}
	dir, err := LibraryDir()
	if err != nil {
		return err
	}
	if err := panels.Load(filepath.Join(dir, panels.File)); err != nil {
		return fmt.Errorf("llama: %w", err)
	}
	loadPlugins(dir)
	C.llama_backend_init()
	if C.ggml_backend_dev_by_type(C.GGML_BACKEND_DEVICE_TYPE_CPU) == nil {
		return fmt.Errorf("llama: %s holds no ggml plug-in that runs on this CPU; build the libraries on this machine", dir)
	}
	return nil
})

func loadPlugins(dir string) {
	path := C.CString(dir)
	defer C.free(unsafe.Pointer(path))
	C.ggml_backend_load_all_from_path(path)
}

// LibraryDir returns the folder that libllama was loaded from, links resolved.
func LibraryDir() (string, error) {
	path := C.mb_library_path()
	if path == nil {
		return "", fmt.Errorf("llama: the loader doesn't say where libllama lies")
	}
	file, err := filepath.EvalSymlinks(C.GoString(path))
	if err != nil {
		return "", fmt.Errorf("llama: libraries: %w", err)
	}
	return filepath.Dir(file), nil
}

// Version returns the version of the loaded llama.cpp, such as "0.5.0".
func Version() string { return C.GoString(C.llama_version()) }

// SystemInfo returns llama.cpp's line about CPU features and plug-ins. Call Init first.
func SystemInfo() string { return C.GoString(C.llama_print_system_info()) }

// DeviceType says what computes.
type DeviceType int

const (
	DeviceCPU   DeviceType = C.GGML_BACKEND_DEVICE_TYPE_CPU
	DeviceGPU   DeviceType = C.GGML_BACKEND_DEVICE_TYPE_GPU
	DeviceIGPU  DeviceType = C.GGML_BACKEND_DEVICE_TYPE_IGPU // shares the host's memory
	DeviceAccel DeviceType = C.GGML_BACKEND_DEVICE_TYPE_ACCEL
)

// Device is one processor that ggml can compute on.
type Device struct {
	Name        string // "CPU", "CUDA0"
	Description string // the product's name
	Type        DeviceType
	Free, Total int64 // memory in bytes
}

// Devices lists what Init found.
func Devices() []Device {
	list := make([]Device, C.ggml_backend_dev_count())
	for i := range list {
		var p C.struct_ggml_backend_dev_props
		C.ggml_backend_dev_get_props(C.ggml_backend_dev_get(C.size_t(i)), &p)
		list[i] = Device{
			Name:        C.GoString(p.name),
			Description: C.GoString(p.description),
			Type:        DeviceType(p._type),
			Free:        int64(p.memory_free),
			Total:       int64(p.memory_total),
		}
	}
	return list
}
