package main

import (
	"bufio"
	"bytes"
	"os"
	"runtime"
	"strings"

	"github.com/moltbot/moltbot/internal/config"
	"github.com/moltbot/moltbot/models"
)

// physicalCores counts the cores that this process may use, hyper-threads not.
func physicalCores() int {
	info, _ := os.ReadFile("/proc/cpuinfo") // elsewhere every processor counts
	usable := runtime.GOMAXPROCS(0)
	if cores := countCores(info); cores > 0 {
		return min(cores, usable)
	}
	return usable
}

// countCores counts the pairs of socket and core in the text of /proc/cpuinfo; 0 when it tells none.
func countCores(cpuinfo []byte) int {
	cores := map[string]bool{}
	socket := ""
	for lines := bufio.NewScanner(bytes.NewReader(cpuinfo)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		switch strings.TrimSpace(name) {
		case "physical id":
			socket = strings.TrimSpace(value)
		case "core id":
			cores[socket+"/"+strings.TrimSpace(value)] = true
		}
	}
	return len(cores)
}

// cpuFlags returns the feature words of the first processor in the text of /proc/cpuinfo.
func cpuFlags(cpuinfo []byte) []string {
	for line := range strings.Lines(string(cpuinfo)) {
		name, value, _ := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); name == "flags" || name == "Features" {
			return strings.Fields(value)
		}
	}
	return nil
}

// cpuModel names the processor by its model and features; "" where nobody tells.
func cpuModel() string {
	info, _ := os.ReadFile("/proc/cpuinfo") // elsewhere the number of processors has to do
	for line := range strings.Lines(string(info)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value) + " " + strings.Join(cpuFlags(info), " ")
		}
	}
	return ""
}

// freeMemory returns the bytes that the model may take where it will lie, -1
// when unknown: on the GPU with all its layers, else in this machine's memory.
func freeMemory(cfg config.Model, native libraries) int64 {
	switch {
	case native.GPUs == nil && native.Remote == nil || cfg.GPULayers == 0:
		free, err := models.AvailableMemory()
		if err != nil {
			return -1
		}
		return free
	case cfg.GPULayers < 0:
		return native.GPUFree
	}
	return -1 // partly here and partly there: loading tells
}
