package llama

// PredictOptions says how one call computes.
type PredictOptions struct {
	Seed    int // -1: the model's, or by chance
	Threads int // at most as many as there are processors
	Tokens  int // generated at most; 0: no limit
	TopK    int // 0: all
	Repeat  int // tokens that the penalties look back on; 0: none, negative: all
	Batch   int // tokens computed at once
	NKeep   int // tokens of the prompt that stay when the context is full; negative: all

	TopP, Temperature, Penalty float32

	NDraft      int // tokens that SpeculativeSampling drafts at once
	F16KV       bool
	DebugMode   bool // a line of counts and times on standard error
	StopPrompts []string
	IgnoreEOS   bool

	TailFreeSamplingZ float32 // 1; others aren't offered
	TypicalP          float32
	FrequencyPenalty  float32
	PresencePenalty   float32
	Mirostat          int // 0; others aren't offered
	MirostatETA       float32
	MirostatTAU       float32
	PenalizeNL        bool   // the penalties hold for a line break too
	LogitBias         string // "29905-1.5": a token, a sign, a number
	TokenCallback     func(string) bool

	PathPromptCache             string // keeps the computed prompt in this file
	MLock, MMap, PromptCacheAll bool   // PromptCacheAll: with the answer
	PromptCacheRO               bool   // the file is read only
	Grammar                     string // not offered
	MainGPU                     string // these two as in New
	TensorSplit                 string

	RopeFreqBase  float32 // the defaults are the model's own; others aren't offered
	RopeFreqScale float32

	NegativePromptScale float32 // not offered, nor is the next
	NegativePrompt      string
}

// PredictOption changes PredictOptions.
type PredictOption func(p *PredictOptions)

// DefaultOptions is what NewPredictOptions starts from.
var DefaultOptions = PredictOptions{
	Seed: -1, Threads: 4, Tokens: 128, Batch: 512, NKeep: 64,
	TopK: 40, TopP: 0.95, Temperature: 0.8, TypicalP: 1, TailFreeSamplingZ: 1,
	Penalty: 1.1, Repeat: 64,
	MirostatTAU: 5, MirostatETA: 0.1,
	MMap: true, RopeFreqBase: 10000, RopeFreqScale: 1,
}

// NewPredictOptions applies options to the defaults.
func NewPredictOptions(opts ...PredictOption) PredictOptions {
	p := DefaultOptions
	for _, opt := range opts {
		opt(&p)
	}
	return p
}

// Options without an argument.
var (
	EnableF16KV          PredictOption = func(p *PredictOptions) { p.F16KV = true }
	Debug                PredictOption = func(p *PredictOptions) { p.DebugMode = true }
	EnablePromptCacheAll PredictOption = func(p *PredictOptions) { p.PromptCacheAll = true }
	EnablePromptCacheRO  PredictOption = func(p *PredictOptions) { p.PromptCacheRO = true }
	IgnoreEOS            PredictOption = func(p *PredictOptions) { p.IgnoreEOS = true }
)

// SetTokenCallback has fn called with each token; false ends the prediction.
func SetTokenCallback(fn func(string) bool) PredictOption {
	return func(p *PredictOptions) { p.TokenCallback = fn }
}

// SetStopWords sets the texts that end a prediction before them.
func SetStopWords(stop ...string) PredictOption {
	return func(p *PredictOptions) { p.StopPrompts = stop }
}

// SetSeed sets the seed of the sampling.
func SetSeed(seed int) PredictOption { return func(p *PredictOptions) { p.Seed = seed } }

// SetThreads sets the number of threads.
func SetThreads(threads int) PredictOption { return func(p *PredictOptions) { p.Threads = threads } }

// SetTokens sets how many tokens are generated at most.
func SetTokens(tokens int) PredictOption { return func(p *PredictOptions) { p.Tokens = tokens } }

// SetTopK keeps the k likeliest tokens.
func SetTopK(topk int) PredictOption { return func(p *PredictOptions) { p.TopK = topk } }

// SetTopP keeps the likeliest tokens of this mass.
func SetTopP(topp float32) PredictOption { return func(p *PredictOptions) { p.TopP = topp } }

// SetTemperature sets the temperature; 0 takes the likeliest token.
func SetTemperature(temp float32) PredictOption {
	return func(p *PredictOptions) { p.Temperature = temp }
}

// SetPenalty sets the repeat penalty; 1 is none.
func SetPenalty(penalty float32) PredictOption {
	return func(p *PredictOptions) { p.Penalty = penalty }
}

// SetRepeat sets how many tokens the penalties look back on.
func SetRepeat(repeat int) PredictOption { return func(p *PredictOptions) { p.Repeat = repeat } }

// SetBatch sets how many tokens are computed at once.
func SetBatch(size int) PredictOption { return func(p *PredictOptions) { p.Batch = size } }

// SetNKeep sets how many tokens of the prompt stay when the context is full.
func SetNKeep(n int) PredictOption { return func(p *PredictOptions) { p.NKeep = n } }

// SetNDraft sets how many tokens SpeculativeSampling drafts at once.
func SetNDraft(n int) PredictOption { return func(p *PredictOptions) { p.NDraft = n } }

// SetTypicalP sets the mass of locally typical sampling; 1 is off.
func SetTypicalP(tp float32) PredictOption { return func(p *PredictOptions) { p.TypicalP = tp } }

// SetFrequencyPenalty sets the penalty per occurrence.
func SetFrequencyPenalty(fp float32) PredictOption {
	return func(p *PredictOptions) { p.FrequencyPenalty = fp }
}

// SetPresencePenalty sets the penalty for a token that occurred.
func SetPresencePenalty(pp float32) PredictOption {
	return func(p *PredictOptions) { p.PresencePenalty = pp }
}

// SetPenalizeNL has the penalties hold for a line break too.
func SetPenalizeNL(pnl bool) PredictOption { return func(p *PredictOptions) { p.PenalizeNL = pnl } }

// SetLogitBias adds to a token's logit: "29905-1.5".
func SetLogitBias(lb string) PredictOption { return func(p *PredictOptions) { p.LogitBias = lb } }

// SetPathPromptCache keeps the computed prompt in a file.
func SetPathPromptCache(f string) PredictOption {
	return func(p *PredictOptions) { p.PathPromptCache = f }
}

// WithGrammar is not offered.
func WithGrammar(s string) PredictOption { return func(p *PredictOptions) { p.Grammar = s } }

// SetTailFreeSamplingZ is offered with 1 only.
func SetTailFreeSamplingZ(tfz float32) PredictOption {
	return func(p *PredictOptions) { p.TailFreeSamplingZ = tfz }
}

// SetMirostat is offered with 0 only.
func SetMirostat(m int) PredictOption { return func(p *PredictOptions) { p.Mirostat = m } }

// SetMirostatETA counts with Mirostat only.
func SetMirostatETA(me float32) PredictOption { return func(p *PredictOptions) { p.MirostatETA = me } }

// SetMirostatTAU counts with Mirostat only.
func SetMirostatTAU(mt float32) PredictOption { return func(p *PredictOptions) { p.MirostatTAU = mt } }

// SetMlock is not offered.
func SetMlock(b bool) PredictOption { return func(p *PredictOptions) { p.MLock = b } }

// SetMemoryMap repeats what New was told.
func SetMemoryMap(b bool) PredictOption { return func(p *PredictOptions) { p.MMap = b } }

// SetPredictionMainGPU repeats what New was told.
func SetPredictionMainGPU(gpu string) PredictOption {
	return func(p *PredictOptions) { p.MainGPU = gpu }
}

// SetPredictionTensorSplit is not offered.
func SetPredictionTensorSplit(split string) PredictOption {
	return func(p *PredictOptions) { p.TensorSplit = split }
}

// SetRopeFreqBase is offered with the default only.
func SetRopeFreqBase(rfb float32) PredictOption {
	return func(p *PredictOptions) { p.RopeFreqBase = rfb }
}

// SetRopeFreqScale is offered with the default only.
func SetRopeFreqScale(rfs float32) PredictOption {
	return func(p *PredictOptions) { p.RopeFreqScale = rfs }
}

// SetNegativePromptScale is not offered.
func SetNegativePromptScale(nps float32) PredictOption {
	return func(p *PredictOptions) { p.NegativePromptScale = nps }
}

// SetNegativePrompt is not offered.
func SetNegativePrompt(np string) PredictOption {
	return func(p *PredictOptions) { p.NegativePrompt = np }
}
