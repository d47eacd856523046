//go:build cgo

package llama

import (
	"slices"
	"testing"

	cllama "github.com/moltbot/moltbot/cgo/llama"
)

func TestOptionsBecomeContextParams(t *testing.T) {
	for _, c := range []struct {
		rule string
		o    Options
		want cllama.ContextParams
	}{
		{"nothing said is 16 bits and attention as the device can", Options{}, cllama.ContextParams{}},
		{"V follows K", Options{KVType: "q8_0"}, cllama.ContextParams{TypeK: cllama.KVQ8, TypeV: cllama.KVQ8}},
		{"unless it has a format of its own", Options{KVType: "q8_0", KVTypeV: "q4_0", FlashAttn: "on"}, cllama.ContextParams{TypeK: cllama.KVQ8, TypeV: cllama.KVQ4, FlashAttn: cllama.FlashOn}},
		{"flash attention can be off", Options{KVType: "bf16", FlashAttn: "off"}, cllama.ContextParams{TypeK: cllama.KVBF16, TypeV: cllama.KVBF16, FlashAttn: cllama.FlashOff}},
		{"windows can be whole", Options{SWAFull: true}, cllama.ContextParams{SWAFull: true}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			c.want.Poll, c.want.Unified = poll, true
			if got := c.o.contextParams(); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestDevicesBecomeModelParams(t *testing.T) {
	for _, c := range []struct {
		rule string
		d    Devices
		want cllama.ModelParams
	}{
		{"nothing said is split by layers", Devices{}, cllama.ModelParams{}},
		{"one device", Devices{GPULayers: -1, SplitMode: "none", MainGPU: 2}, cllama.ModelParams{GPULayers: -1, SplitMode: cllama.SplitNone, MainGPU: 2}},
		{"rows in shares", Devices{SplitMode: "row", TensorSplit: []float64{3, 1}}, cllama.ModelParams{SplitMode: cllama.SplitRow, TensorSplit: []float32{3, 1}}},
		{"tensors", Devices{SplitMode: "tensor"}, cllama.ModelParams{SplitMode: cllama.SplitTensor}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got := c.d.modelParams()
			if got.GPULayers != c.want.GPULayers || got.SplitMode != c.want.SplitMode || got.MainGPU != c.want.MainGPU || !slices.Equal(got.TensorSplit, c.want.TensorSplit) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// The scores over a quantised cache are those over 16 bits, but for some noise.
func TestQuantisedCachesKeepTheScores(t *testing.T) {
	for _, model := range []string{"smollm2", "gemma3"} {
		o := opened
		want := logitsWith(t, model, o)
		for _, c := range []struct{ k, v, flash string }{{"q8_0", "q8_0", "on"}, {"q8_0", "q4_0", "auto"}, {"f16", "f16", "off"}, {"bf16", "bf16", "on"}} {
			t.Run(model+" "+c.k+" "+c.v+" "+c.flash, func(t *testing.T) {
				o := opened
				o.KVType, o.KVTypeV, o.FlashAttn = c.k, c.v, c.flash
				got := logitsWith(t, model, o)
				if d := distance(got, want); d > 0.15 {
					t.Errorf("the logits are off by %.3f", d)
				}
			})
		}
	}
}

// logitsWith returns the logits behind a text on a backend of its own.
func logitsWith(t *testing.T, model string, o Options) []float32 {
	t.Helper()
	b := openBackend(t, model, o)
	return compute(t, b, 0, 0, prompt(t, b, 200))
}
