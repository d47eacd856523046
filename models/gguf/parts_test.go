package gguf

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// inParts writes a model of two parts, after a change of either, and returns the path of the first.
func inParts(t *testing.T, change func(first, second *draft)) string {
	t.Helper()
	first := tiny().set("split.no", uint16(0)).set("split.count", uint16(2)).set("split.tensors.count", int32(3))
	second := &draft{magic: "GGUF", version: 3}
	second.set("split.no", uint16(1)).set("split.count", uint16(2)).add("output.weight", 0, 32, 4)
	change(first, second)
	dir := t.TempDir()
	path := filepath.Join(dir, "m-00001-of-00002.gguf")
	for name, d := range map[string]*draft{path: first, filepath.Join(dir, "m-00002-of-00002.gguf"): second} {
		if err := os.WriteFile(name, d.bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestPartsAddUp(t *testing.T) {
	m, err := Check(inParts(t, func(_, _ *draft) {}))
	if err != nil {
		t.Fatal(err)
	}
	if m.Parts != 2 || m.Weights != 80+128+512 {
		t.Errorf("%d parts with weights of %d bytes", m.Parts, m.Weights)
	}
	if got := m.StepBytes(); got != 128+512 { // the output, in the second part, has weights of its own
		t.Errorf("a step reads %d bytes", got)
	}
}

func TestPartsAreRefused(t *testing.T) {
	for _, c := range []struct{ rule, path, want string }{
		{"a part that is missing", without(t, inParts(t, func(_, _ *draft) {}), "m-00002-of-00002.gguf"), "part 2 of 2 is missing"},
		{"a part of another model", inParts(t, func(_, second *draft) { second.set("split.count", uint16(3)) }), "is not part 2 of 2"},
		{"a part in the wrong place", inParts(t, func(_, second *draft) { second.set("split.no", uint16(0)) }), "is not part 2 of 2"},
		{"a part that is cut", inParts(t, func(_, second *draft) { second.data -= 32 }), "part 2 of 2: not a usable GGUF file: truncated"},
		{"a tensor that is missing", inParts(t, func(first, _ *draft) { first.set("split.tensors.count", int32(4)) }), "hold 3 tensors, 4 were expected"},
		{"a name that isn't a part's", tiny().set("split.count", uint16(2)).file(t, "m.gguf"), "isn't named like name-00001-of-00002.gguf"},
		{"a part that isn't the first", tiny().set("split.count", uint16(2)).set("split.no", uint16(1)).file(t, "m-00002-of-00002.gguf"), "name the first one"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if _, err := Check(c.path); !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %q", err, c.want)
			}
		})
	}
}

// without removes a file beside path.
func without(t *testing.T, path, name string) string {
	t.Helper()
	if err := os.Remove(filepath.Join(filepath.Dir(path), name)); err != nil {
		t.Fatal(err)
	}
	return path
}
