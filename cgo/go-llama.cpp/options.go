package llama

// ModelOptions says how New loads a model.
type ModelOptions struct {
	ContextSize   int  // tokens
	Seed          int  // of predictions that set none; 0: by chance
	NBatch        int  // tokens computed at once
	F16Memory     bool // KV cells of 16 bits, else of 32
	MLock         bool // not offered
	MMap          bool // map the file, else read it
	LowVRAM       bool // not offered
	Embeddings    bool // Embeddings and TokenEmbeddings may be called
	NUMA          bool // not offered
	NGPULayers    int  // layers on the GPU
	MainGPU       string
	TensorSplit   string  // not offered
	FreqRopeBase  float32 // the default is the model's own; others aren't offered
	FreqRopeScale float32 // the same
	MulMatQ       *bool   // it is always so: false isn't offered
	LoraBase      string  // not offered
	LoraAdapter   string  // not offered
	Perplexity    bool    // logits of every row: they are at hand anyway
}

// ModelOption changes ModelOptions.
type ModelOption func(p *ModelOptions)

// DefaultModelOptions is what NewModelOptions starts from.
var DefaultModelOptions = ModelOptions{
	ContextSize:   512,
	MMap:          true,
	NBatch:        512,
	FreqRopeBase:  10000,
	FreqRopeScale: 1,
}

// NewModelOptions applies options to the defaults.
func NewModelOptions(opts ...ModelOption) ModelOptions {
	p := DefaultModelOptions
	for _, opt := range opts {
		opt(&p)
	}
	return p
}

// Options without an argument.
var (
	EnabelLowVRAM    ModelOption = func(p *ModelOptions) { p.LowVRAM = true } // spelt as ever
	EnableNUMA       ModelOption = func(p *ModelOptions) { p.NUMA = true }
	EnableEmbeddings ModelOption = func(p *ModelOptions) { p.Embeddings = true }
	EnableF16Memory  ModelOption = func(p *ModelOptions) { p.F16Memory = true }
	EnableMLock      ModelOption = func(p *ModelOptions) { p.MLock = true }
)

// SetContext sets the context size in tokens.
func SetContext(c int) ModelOption { return func(p *ModelOptions) { p.ContextSize = c } }

// SetModelSeed sets the seed of predictions that set none.
func SetModelSeed(c int) ModelOption { return func(p *ModelOptions) { p.Seed = c } }

// SetNBatch sets how many tokens are computed at once.
func SetNBatch(n int) ModelOption { return func(p *ModelOptions) { p.NBatch = n } }

// SetMMap maps the file or reads it.
func SetMMap(b bool) ModelOption { return func(p *ModelOptions) { p.MMap = b } }

// SetGPULayers sets how many layers go on the GPU.
func SetGPULayers(n int) ModelOption { return func(p *ModelOptions) { p.NGPULayers = n } }

// SetMainGPU sets the number of the GPU.
func SetMainGPU(gpu string) ModelOption { return func(p *ModelOptions) { p.MainGPU = gpu } }

// SetTensorSplit is not offered.
func SetTensorSplit(split string) ModelOption { return func(p *ModelOptions) { p.TensorSplit = split } }

// SetPerplexity asks for the logits of every row.
func SetPerplexity(b bool) ModelOption { return func(p *ModelOptions) { p.Perplexity = b } }

// SetMulMatQ is offered with true only.
func SetMulMatQ(b bool) ModelOption { return func(p *ModelOptions) { p.MulMatQ = &b } }

// SetLoraBase is not offered.
func SetLoraBase(s string) ModelOption { return func(p *ModelOptions) { p.LoraBase = s } }

// SetLoraAdapter is not offered.
func SetLoraAdapter(s string) ModelOption { return func(p *ModelOptions) { p.LoraAdapter = s } }

// WithRopeFreqBase is offered with the default only.
func WithRopeFreqBase(f float32) ModelOption { return func(p *ModelOptions) { p.FreqRopeBase = f } }

// WithRopeFreqScale is offered with the default only.
func WithRopeFreqScale(f float32) ModelOption { return func(p *ModelOptions) { p.FreqRopeScale = f } }
