package models

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// probe runs shell code as the child.
func probe(ctx context.Context, code string) error {
	return Probe(ctx, "/bin/sh", []string{"-c", code})
}

func TestProbe(t *testing.T) {
	for _, c := range []struct{ rule, code, want string }{
		{"a failure is told by the last line", `echo noise >&2; echo "Error: load it: no such thing" >&2; exit 1`, "load it: no such thing"},
		{"a silent failure is told by its status", `exit 3`, "probe the model: exit status 3"},
		{"a signal is a crash", `kill -SEGV $$`, ErrCrashed.Error() + ": segmentation fault"},
		{"an assertion is the reason of a crash", `echo "/src/llama-vocab.cpp:12: GGML_ASSERT(a == b) failed" >&2; kill -ABRT $$`, ErrCrashed.Error() + ": llama-vocab.cpp:12: GGML_ASSERT(a == b) failed"},
		{"a signal that Go reports is a crash", `echo "/src/ggml.c:9: GGML_ASSERT(x) failed
SIGABRT: abort
PC=0x1 m=0
rax 0x0" >&2; exit 2`, ErrCrashed.Error() + ": ggml.c:9: GGML_ASSERT(x) failed"},
		{"a signal in C that Go reports without a reason", `echo "fatal error: unexpected signal during runtime execution
[signal SIGSEGV: segmentation violation]" >&2; exit 2`, ErrCrashed.Error() + ": unexpected signal during runtime execution"},
		{"an exception that nobody caught is the reason", `echo "terminate called after throwing an instance of 'std::out_of_range'
  what():  map::at" >&2; kill -ABRT $$`, ErrCrashed.Error() + ": what():  map::at"},
		{"an abort of ggml is the reason", `echo "/src/ggml-cuda.cu:97: CUDA error" >&2; kill -ABRT $$`, ErrCrashed.Error() + ": ggml-cuda.cu:97: CUDA error"},
		{"only the end of many words is kept", `i=0; while [ $i -lt 3000 ]; do echo "a line of a very long log, number $i"; i=$((i+1)); done >&2; echo "the end" >&2; exit 1`, "the end"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if err := probe(t.Context(), c.code); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestProbeSucceedsWithTheCommand(t *testing.T) {
	if err := probe(t.Context(), `echo "much talk" >&2`); err != nil {
		t.Error(err)
	}
}

func TestProbeAsksForNoStacks(t *testing.T) {
	if err := probe(t.Context(), `test "$GOTRACEBACK$GGML_NO_BACKTRACE" = none1`); err != nil {
		t.Error(err)
	}
}

func TestProbeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := probe(ctx, `exec sleep 600`); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestProbeNamesAMissingCommand(t *testing.T) {
	if err := Probe(t.Context(), "/nowhere/moltbot", nil); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v", err)
	}
}
