package main

import (
	"slices"
	"testing"

	"github.com/moltbot/moltbot/internal/config"
	"github.com/moltbot/moltbot/models/gpu"
)

func TestCountCores(t *testing.T) {
	for _, c := range []struct {
		rule, cpuinfo string
		want          int
	}{
		{"hyper-threads share a core", "physical id\t: 0\ncore id\t: 0\n\nphysical id\t: 0\ncore id\t: 0\n", 1},
		{"cores of two sockets count apart", "physical id\t: 0\ncore id\t: 0\n\nphysical id\t: 1\ncore id\t: 0\n", 2},
		{"a kernel that names no cores tells nothing", "processor\t: 0\nBogoMIPS\t: 50\n", 0},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := countCores([]byte(c.cpuinfo)); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestCPUFlags(t *testing.T) {
	for kernel, text := range map[string]string{
		"x86": "processor\t: 0\nflags\t\t: sse4_2 avx2\n\nflags\t\t: none\n",
		"ARM": "processor\t: 0\nFeatures\t: sse4_2 avx2\n",
	} {
		if got := cpuFlags([]byte(text)); !slices.Equal(got, []string{"sse4_2", "avx2"}) {
			t.Errorf("%s: got %q", kernel, got)
		}
	}
}

func TestFreeMemoryIsLookedForWhereTheModelWillLie(t *testing.T) {
	gpu := libraries{GPUs: []string{"CUDA0"}, GPUFree: 8e9}
	for _, c := range []struct {
		rule   string
		layers int
		native libraries
		ok     func(int64) bool
	}{
		{"all layers on the GPU take its memory", -1, gpu, func(n int64) bool { return n == 8e9 }},
		{"no layer on the GPU takes the machine's", 0, gpu, func(n int64) bool { return n > 0 && n != 8e9 }},
		{"without a GPU it is the machine's", -1, libraries{}, func(n int64) bool { return n > 0 }},
		{"some layers on the GPU: nobody can tell", 7, gpu, func(n int64) bool { return n == -1 }},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := freeMemory(config.Model{GPULayers: c.layers}, c.native); !c.ok(got) {
				t.Errorf("got %d", got)
			}
		})
	}
}

func TestJudgeGPU(t *testing.T) {
	one := gpu.Report{GPUs: []gpu.GPU{{Name: "T4", Total: 16e9, Used: 1e9, Capability: "7.5"}}, Driver: "570.86", CUDA: "12.8"}
	for _, c := range []struct {
		rule   string
		report gpu.Report
		plugin bool
		usable []string
		want   string
		text   string
	}{
		{"no GPU is no failure", gpu.Report{Reason: "no NVIDIA driver is installed"}, false, nil, "ok", "no NVIDIA driver is installed: the CPU computes"},
		{"a GPU that ggml computes on", one, true, []string{"CUDA0"}, "ok", "T4 with 15000.0 MB free, driver 570.86, CUDA 12.8"},
		{"a GPU without the plug-in", one, false, nil, "warn", "the CUDA plug-in is not built"},
		{"a plug-in that finds no GPU", one, true, nil, "fail", "the CUDA plug-in can't use it"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			wantFinding(t, judgeGPU(c.report, c.plugin, c.usable), c.want, c.text)
		})
	}
}

func TestJudgeCPU(t *testing.T) {
	all := []string{"sse4_2", "avx", "avx2", "fma", "f16c"}
	for _, c := range []struct {
		rule         string
		flags, built []string
		want         string
	}{
		{"the CPU has what the libraries use", all, []string{"AVX2", "FMA"}, "ok"},
		{"the libraries use what the CPU lacks", all, []string{"AVX2", "AVX512"}, "fail"},
		{"a CPU without AVX2 is slow", []string{"sse4_2"}, []string{"SSE42"}, "warn"},
		{"a release runs everywhere", all, nil, "ok"},
		{"other processors name features as the kernel does", []string{"asimd"}, []string{"asimd"}, "ok"},
		{"other processors may lack one too", []string{"asimd"}, []string{"asimd", "sve"}, "fail"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := judgeCPU(c.flags, c.built, 2); got.Status != c.want {
				t.Errorf("got %+v, want %s", got, c.want)
			}
		})
	}
}

func TestBuiltFor(t *testing.T) {
	for _, c := range []struct {
		rule, stamp string
		want        []string
	}{
		{"a build on the spot names its features", "llama.cpp x\ncpu x86_64 AVX;AVX2\nsystem Linux\n", []string{"AVX", "AVX2"}},
		{"a release names none", "llama.cpp x\nsystem Linux\n", nil},
		{"no stamp names none", "", nil},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := builtFor(c.stamp); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
