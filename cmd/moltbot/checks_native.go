package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// libraries is what is known of the native libraries.
type libraries struct {
	Version  string   // of llama.cpp
	Dir      string   // where they lie
	Backends []string // what they can compute on here: "CPU", "CUDA0"
	Kernels  string   // what our own kernels use of the CPU; "" where ggml's are in use
	GPUs     []string // of these, the ones with memory of their own
	IGPUs    []string // and the GPUs that share this machine's
	Remote   []string // devices of RPC servers
	GPUFree  int64    // bytes of the memory of GPUs and Remote
	Err      error    // why they can't be used
}

func checkLibraries(_ context.Context, pt *patient) finding {
	if pt.native.Err != nil {
		return fail("build them on this machine with `make`", "%v", pt.native.Err)
	}
	on := strings.Join(pt.native.Backends, ", ")
	if pt.native.Kernels != "" {
		on += " with our kernels for " + pt.native.Kernels
	}
	return ok("llama.cpp %s in %s, computing on %s", pt.native.Version, pt.native.Dir, on)
}

// checkCPU compares this CPU with the one that the libraries were built for.
func checkCPU(_ context.Context, pt *patient) finding {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ok("%d cores", physicalCores())
	}
	stamp, _ := os.ReadFile(filepath.Join(pt.native.Dir, "..", "stamp")) // a release has one without features
	return judgeCPU(cpuFlags(info), builtFor(string(stamp)), physicalCores())
}

// words are the kernel's names for the CPU features that a build on the spot may use.
var words = map[string][]string{
	"SSE42": {"sse4_2"}, "AVX": {"avx"}, "F16C": {"f16c"}, "FMA": {"fma"}, "BMI2": {"bmi2"}, "AVX2": {"avx2"},
	"AVX_VNNI": {"avx_vnni"}, "AVX512": {"avx512f", "avx512cd", "avx512vl", "avx512dq", "avx512bw"},
	"AVX512_VBMI": {"avx512vbmi"}, "AVX512_VNNI": {"avx512_vnni"}, "AVX512_BF16": {"avx512_bf16"},
	"AMX_TILE": {"amx_tile"}, "AMX_INT8": {"amx_int8"},
}

// builtFor reads the features that the libraries use from the line "cpu PLATFORM A;B" of their stamp.
func builtFor(stamp string) []string {
	for line := range strings.Lines(stamp) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "cpu" {
			return strings.Split(fields[2], ";")
		}
	}
	return nil
}

// judgeCPU holds the flags of this CPU against the features of the build.
func judgeCPU(flags, built []string, cores int) finding {
	var lacking []string
	for _, feature := range built {
		needed, x86 := words[feature]
		if !x86 {
			needed = []string{feature}
		}
		if slices.ContainsFunc(needed, func(w string) bool { return !slices.Contains(flags, w) }) {
			lacking = append(lacking, feature)
		}
	}
	switch {
	case lacking != nil:
		return fail("build the libraries on this machine with `make`", "this CPU lacks %s, which the libraries use", strings.Join(lacking, ", "))
	case slices.Contains(flags, "sse4_2") && !slices.Contains(flags, "avx2"):
		return warn("use a CPU with AVX2", "%d cores without AVX2: it will be slow", cores)
	}
	return ok("%d cores with all that the libraries use", cores)
}
