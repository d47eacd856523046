package main

import (
	benchreport "github.com/moltbot/moltbot/bench/report"
	benchrun "github.com/moltbot/moltbot/bench/run"
	"github.com/moltbot/moltbot/models/gpu"
)

// benchGPU tells the machine's GPUs and how to read them; nil when there are none.
func benchGPU(m *benchreport.Machine) func() (benchrun.GPU, bool) {
	found, err := gpu.List()
	if err != nil || len(found.GPUs) == 0 {
		return nil
	}
	m.Driver = found.Driver
	for _, g := range found.GPUs {
		m.GPUs = append(m.GPUs, g.Name)
	}
	return readGPUs
}

// readGPUs adds up all GPUs; not ok: the driver doesn't answer.
func readGPUs() (sum benchrun.GPU, ok bool) {
	now, err := gpu.List()
	if err != nil {
		return benchrun.GPU{}, false
	}
	for _, g := range now.GPUs {
		sum.Used += g.Used
	}
	sum.Joules, _ = gpu.Energy() // 0 is unknown
	return sum, len(now.GPUs) > 0
}
