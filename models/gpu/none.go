//go:build !cgo || !linux

package gpu

// List says that this program can't ask: NVML needs cgo and Linux.
func List() (Report, error) {
	return Report{Reason: "this program was built without cgo, so it can't ask for GPUs"}, nil
}

// Energy is unknown without NVML.
func Energy() (joules float64, ok bool) { return 0, false }
