// Package gpu tells which NVIDIA GPUs this machine has, through NVML.
//
// Owns: the calls to NVML; the library is loaded at run time, so a machine
// without a driver runs the same program.
// Must not import: anything of Moltbot.
// Flow: the start and the doctor call List once; nothing is kept open.
package gpu

// GPU is one device.
type GPU struct {
	Name       string
	Total      int64  // bytes of memory
	Used       int64  // bytes of memory, by all processes
	Capability string // "9.0"
}

// Report is what the driver says.
type Report struct {
	GPUs   []GPU
	Driver string // "570.86.15"; empty without a driver
	CUDA   string // the newest that the driver runs: "12.8"
	Reason string // why GPUs is empty
}
