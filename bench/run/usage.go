package run

// Usage is what a target used of the machine in a turn; what is unknown is absent.
type Usage struct {
	// PeakRSS is the largest resident memory of its process since that started, in
	// bytes, mapped weights included.
	PeakRSS int64 `json:"peak_rss,omitempty"`
	// GPUMemory is the largest use of all GPUs, in bytes, by all processes.
	GPUMemory int64 `json:"gpu_memory,omitempty"`
	// GPUEnergy is what all GPUs took, in joules.
	GPUEnergy float64 `json:"gpu_energy,omitempty"`
}

// GPU is one reading of all GPUs together.
type GPU struct {
	Used   int64   // bytes of memory
	Joules float64 // since the driver was loaded; 0: it can't tell
}
