//go:build cgo

package main

import (
	"github.com/rs/zerolog"

	"github.com/moltbot/moltbot/cgo/llama"
	"github.com/moltbot/moltbot/cgo/panels"
	"github.com/moltbot/moltbot/internal/logging"
)

// nativeLibraries loads llama.cpp and its plug-ins and asks what they can do here.
func nativeLibraries() libraries {
	n := libraries{Version: llama.Version()}
	if n.Dir, n.Err = llama.LibraryDir(); n.Err != nil {
		return n
	}
	if n.Err = llama.Init(); n.Err != nil {
		return n
	}
	n.Kernels = panels.Instructions()
	for _, d := range llama.Devices() {
		n.Backends = append(n.Backends, d.Name)
		switch d.Type {
		case llama.DeviceGPU:
			n.GPUs = append(n.GPUs, d.Name)
			n.GPUFree += d.Free
		case llama.DeviceIGPU:
			n.IGPUs = append(n.IGPUs, d.Name)
		}
	}
	return n
}

// logNative sends llama.cpp's lines to the log.
func logNative(log zerolog.Logger) {
	write := logging.Native(log)
	llama.SetLog(func(level llama.LogLevel, line string) { write(int(level), line) })
}
