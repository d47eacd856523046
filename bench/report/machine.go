package report

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Machine is what a reader must know of the machine; empty or 0 is unknown.
type Machine struct {
	CPU     string   `json:"cpu,omitempty"`
	Threads int      `json:"threads"`          // that this process may use
	Memory  int64    `json:"memory,omitempty"` // bytes
	Kernel  string   `json:"kernel,omitempty"`
	OS      string   `json:"os"`
	Go      string   `json:"go"`
	GPUs    []string `json:"gpus,omitempty"`
	Driver  string   `json:"gpu_driver,omitempty"`
}

// ThisMachine looks around.
func ThisMachine() Machine {
	cpu, _ := os.ReadFile("/proc/cpuinfo") // what can't be read stays unknown
	memory, _ := os.ReadFile("/proc/meminfo")
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	kib, _ := strconv.ParseInt(strings.TrimSuffix(field(memory, "MemTotal"), " kB"), 10, 64)
	return Machine{
		CPU:     field(cpu, "model name"),
		Threads: runtime.GOMAXPROCS(0),
		Memory:  kib << 10,
		Kernel:  strings.TrimSpace(string(kernel)),
		OS:      runtime.GOOS + "/" + runtime.GOARCH,
		Go:      runtime.Version(),
	}
}

// field returns the first value of a name in lines of "name : value".
func field(text []byte, name string) string {
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
