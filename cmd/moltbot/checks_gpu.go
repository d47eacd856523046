package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/moltbot/moltbot/models/gpu"
)

func checkGPU(_ context.Context, pt *patient) finding {
	report, err := gpu.List()
	if err != nil {
		return warn("look at what `nvidia-smi` says", "%v", err)
	}
	_, err = os.Stat(filepath.Join(pt.native.Dir, "libggml-cuda.so"))
	return judgeGPU(report, err == nil, pt.native.GPUs)
}

// judgeGPU holds the driver's GPUs against the CUDA plug-in and the GPUs that ggml can use.
func judgeGPU(report gpu.Report, plugin bool, usable []string) finding {
	if len(report.GPUs) == 0 {
		return ok("%s: the CPU computes", report.Reason)
	}
	var gpus []string
	for _, g := range report.GPUs {
		gpus = append(gpus, fmt.Sprintf("%s with %s free", g.Name, megabytes(g.Total-g.Used)))
	}
	found := fmt.Sprintf("%s, driver %s, CUDA %s", strings.Join(gpus, ", "), report.Driver, report.CUDA)
	switch {
	case !plugin:
		return warn("build it with `make cuda`", "%s; the CUDA plug-in is not built, so the CPU computes", found)
	case len(usable) == 0:
		return fail("update the driver, or build the plug-in anew with `make cuda`", "%s; the CUDA plug-in can't use it", found)
	}
	return ok("%s", found)
}
