package llama

import (
	"errors"
	"testing"
)

func TestModelOptionsThatAreNotOfferedAreRefused(t *testing.T) {
	for rule, opt := range map[string]ModelOption{
		"locking memory":          EnableMLock,
		"little video memory":     EnabelLowVRAM,
		"NUMA":                    EnableNUMA,
		"a split over GPUs":       SetTensorSplit("1,1"),
		"another RoPE base":       WithRopeFreqBase(20000),
		"another RoPE scale":      WithRopeFreqScale(2),
		"other matrix kernels":    SetMulMatQ(false),
		"a LoRA adapter":          SetLoraAdapter("adapter.gguf"),
		"the base of an adapter":  SetLoraBase("base.gguf"),
		"an option set by a func": func(p *ModelOptions) { p.NUMA = true },
	} {
		if l, err := New("not-there.gguf", opt); !errors.Is(err, ErrNotOffered) || l != nil {
			t.Errorf("%s: got %v, %v", rule, l, err)
		}
	}
}

func TestModelOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	for rule, opt := range map[string]ModelOption{
		"no context":             SetContext(0),
		"no batch":               SetNBatch(0),
		"a GPU without a number": SetMainGPU("first"),
	} {
		if _, err := New("not-there.gguf", opt); err == nil {
			t.Errorf("%s: no error", rule)
		}
	}
}

func TestPredictOptionsThatAreNotOfferedAreRefused(t *testing.T) {
	for rule, opt := range map[string]PredictOption{
		"a grammar":                  WithGrammar(`root ::= "a"`),
		"mirostat":                   SetMirostat(2),
		"tail-free sampling":         SetTailFreeSamplingZ(0.5),
		"a negative prompt":          SetNegativePrompt("no"),
		"its scale":                  SetNegativePromptScale(2),
		"another RoPE base":          SetRopeFreqBase(20000),
		"another RoPE scale":         SetRopeFreqScale(2),
		"KV cells other than in New": EnableF16KV,
		"locking memory":             SetMlock(true),
		"reading what New mapped":    SetMemoryMap(false),
		"a GPU other than in New":    SetPredictionMainGPU("1"),
		"a split over GPUs":          SetPredictionTensorSplit("1,1"),
		"an option set by a func":    func(p *PredictOptions) { p.Mirostat = 1 },
	} {
		if err := NewPredictOptions(opt).check(DefaultModelOptions); !errors.Is(err, ErrNotOffered) {
			t.Errorf("%s: got %v", rule, err)
		}
	}
}

func TestPredictOptionsMayRepeatWhatNewWasTold(t *testing.T) {
	mo := NewModelOptions(EnableF16Memory, SetMMap(false), SetMainGPU("1"), SetMulMatQ(true), SetPerplexity(true))
	po := NewPredictOptions(EnableF16KV, SetMemoryMap(false), SetPredictionMainGPU("1"), SetMlock(false))
	if err := errors.Join(mo.check(), po.check(mo), NewPredictOptions().check(mo)); err != nil {
		t.Error(err)
	}
}

func TestASeedIsTheCallsOrTheModels(t *testing.T) {
	mo := NewModelOptions(SetModelSeed(7))
	if got := NewPredictOptions(SetSeed(0)).seed(mo); got != 0 {
		t.Errorf("the call's: got %d", got)
	}
	if got := NewPredictOptions().seed(mo); got != 7 {
		t.Errorf("the model's: got %d", got)
	}
	po := NewPredictOptions()
	if a, b := po.seed(DefaultModelOptions), po.seed(DefaultModelOptions); a == b {
		t.Error("by chance: twice the same")
	}
}
