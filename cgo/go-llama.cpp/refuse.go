package llama

import (
	"errors"
	"fmt"
)

var (
	// ErrNotOffered: the option is known, and refused.
	ErrNotOffered = errors.New("not offered")
	// ErrFreed: the LLama was freed before the call.
	ErrFreed = errors.New("the model was freed")
	// ErrContext: the prompt, or what must stay of it, doesn't fit into the context.
	ErrContext = errors.New("the context is too small")
)

// refusal is an option that can't be honoured when it is asked for.
type refusal struct {
	asked  bool
	option string
}

func refuse(list []refusal) error {
	for _, r := range list {
		if r.asked {
			return fmt.Errorf("%s: %w", r.option, ErrNotOffered)
		}
	}
	return nil
}

// check refuses what can't be honoured.
func (mo ModelOptions) check() error {
	if mo.ContextSize < 1 || mo.NBatch < 1 {
		return fmt.Errorf("a context of %d tokens in batches of %d", mo.ContextSize, mo.NBatch)
	}
	return refuse([]refusal{
		{mo.MLock, "EnableMLock"},
		{mo.LowVRAM, "EnabelLowVRAM"},
		{mo.NUMA, "EnableNUMA"},
		{mo.TensorSplit != "", "SetTensorSplit"},
		{mo.FreqRopeBase != DefaultModelOptions.FreqRopeBase, "WithRopeFreqBase"},
		{mo.FreqRopeScale != DefaultModelOptions.FreqRopeScale, "WithRopeFreqScale"},
		{mo.MulMatQ != nil && !*mo.MulMatQ, "SetMulMatQ(false)"},
		{mo.LoraBase != "", "SetLoraBase"},
		{mo.LoraAdapter != "", "SetLoraAdapter"},
	})
}

// check refuses what can't be honoured. Where the weights lie was settled by
// New: an option of the call may repeat it, not change it.
func (po PredictOptions) check(mo ModelOptions) error {
	return refuse([]refusal{
		{po.Grammar != "", "WithGrammar"},
		{po.Mirostat != 0, "SetMirostat"},
		{po.TailFreeSamplingZ != DefaultOptions.TailFreeSamplingZ, "SetTailFreeSamplingZ"},
		{po.NegativePromptScale != 0, "SetNegativePromptScale"},
		{po.NegativePrompt != "", "SetNegativePrompt"},
		{po.RopeFreqBase != DefaultOptions.RopeFreqBase, "SetRopeFreqBase"},
		{po.RopeFreqScale != DefaultOptions.RopeFreqScale, "SetRopeFreqScale"},
		{po.F16KV && !mo.F16Memory, "EnableF16KV without EnableF16Memory"},
		{po.MLock, "SetMlock"},
		{po.MMap != DefaultOptions.MMap && po.MMap != mo.MMap, "SetMemoryMap other than SetMMap"},
		{po.MainGPU != "" && po.MainGPU != mo.MainGPU, "SetPredictionMainGPU other than SetMainGPU"},
		{po.TensorSplit != "", "SetPredictionTensorSplit"},
	})
}
