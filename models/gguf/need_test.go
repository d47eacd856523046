package gguf

import (
	"slices"
	"testing"

	"github.com/moltbot/moltbot/internal/testmodel"
)

// The bytes are those that llama.cpp v0.5.0 logs for the same context.
func TestNeedOfRealModels(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		rule, model string
		use         Use
		weights, kv int64
		graph       int64 // what llama.cpp takes for a step; ours is a bound from above
	}{
		{"every layer keeps every cell", "smollm2", Use{Cells: 4096, Seqs: 16, Rows: 128, Outputs: 128}, 96576768, 90 * mib, 27 * mib},
		{"cells grow with the context", "smollm2", Use{Cells: 32768, Seqs: 16, Rows: 128, Outputs: 128}, 96576768, 720 * mib, 27 * mib},
		{"fewer outputs take fewer logits", "smollm2", Use{Cells: 4096, Seqs: 64, Rows: 512, Outputs: 64}, 96576768, 90 * mib, 29 * mib},
		{"a sliding window needs a window for each sequence", "gemma3", Use{Cells: 32768, Seqs: 16, Rows: 128, Outputs: 128}, 246587904, 96*mib + 15*8448*1024, 144 * mib},
	} {
		t.Run(c.rule, func(t *testing.T) {
			m, err := Check(testmodel.Path(t, c.model))
			if err != nil {
				t.Fatal(err)
			}
			got := m.Need(c.use)
			if got.Weights != c.weights || got.KV != c.kv || got.Compute < c.graph || got.Compute > 3*c.graph {
				t.Errorf("got %+v, want weights %d, KV %d, compute %d to three times that", got, c.weights, c.kv, c.graph)
			}
			if got.Total() != got.Weights+got.KV+got.Compute {
				t.Errorf("the total of %+v is %d", got, got.Total())
			}
		})
	}
}

func TestWhichLayersHaveAWindow(t *testing.T) {
	windowed := func(d *draft, arch string) *draft {
		for i := range d.meta {
			if rest, ok := cutArch(d.meta[i].key); ok {
				d.meta[i].key = arch + rest
			}
		}
		return d.set("general.architecture", arch).set(arch+".block_count", uint32(6)).set(arch+".attention.sliding_window", uint32(16))
	}
	for _, c := range []struct {
		rule  string
		model *draft
		want  []bool
	}{
		{"the architecture says it", windowed(tiny(), "gemma3"), []bool{true, true, true, true, true, false}},
		{"the file gives the period", windowed(tiny(), "gemma3").set("gemma3.attention.sliding_window_pattern", uint32(3)), []bool{true, true, false, true, true, false}},
		{"the file gives each layer", windowed(tiny(), "gemma4").set("gemma4.attention.sliding_window_pattern", []bool{true, false, true, false, false, true}), []bool{true, false, true, false, false, true}},
		{"an unknown architecture has none", windowed(tiny(), "other"), make([]bool, 6)},
		{"a window of 0 is none", windowed(tiny(), "gemma3").set("gemma3.attention.sliding_window", uint32(0)), make([]bool, 6)},
	} {
		t.Run(c.rule, func(t *testing.T) {
			m, err := parse(c.model.bytes())
			if err != nil {
				t.Fatal(err)
			}
			var got []bool
			for _, l := range m.layers {
				got = append(got, l.window)
			}
			if !slices.Equal(got, c.want) || (m.Window > 0) != slices.Contains(c.want, true) {
				t.Errorf("got %v with a window of %d, want %v", got, m.Window, c.want)
			}
		})
	}
}

func cutArch(key string) (string, bool) {
	if len(key) > 6 && key[:6] == "llama." {
		return key[5:], true
	}
	return "", false
}

func TestHeadsMayHaveSizesOfTheirOwn(t *testing.T) {
	m, err := parse(tiny().set("llama.attention.key_length", uint32(24)).set("llama.attention.value_length", uint32(10)).bytes())
	if err != nil {
		t.Fatal(err)
	}
	if m.layers[0] != (layer{k: 48, v: 20}) {
		t.Errorf("got %+v", m.layers[0])
	}
}
