package gguf

import "cmp"

// windowEvery tells, for architectures whose file doesn't say which layers have
// a sliding window, that every n-th layer has none (load_swa_pattern in llama.cpp).
var windowEvery = map[string]int64{
	"gemma2": 2, "gemma3": 6, "gemma3n": 5, "cohere2": 4, "exaone4": 4, "gpt-oss": 2, "llama4": 4, "olmo2": 4, "plamo3": 8,
}

// layers returns what each layer keeps in a cell. An architecture that isn't
// known to have a sliding window is taken to have none: an upper bound.
func (f *File) layers() (out []layer, window int) {
	n := int(f.arch("block_count").Int())
	heads := f.arch("attention.head_count").perLayer(n)
	shared := heads
	if v, ok := f.Meta[f.Meta[keyArch].Str()+".attention.head_count_kv"]; ok {
		shared = v.perLayer(n)
	}
	windowed := f.windowed(n)
	for i := range n {
		size := int64(0)
		if heads[i] > 0 {
			size = f.arch("embedding_length").Int() / heads[i]
		}
		l := layer{window: windowed[i]}
		l.k = shared[i] * f.headSize("key_length", l.window, size)
		l.v = shared[i] * f.headSize("value_length", l.window, size)
		if out = append(out, l); l.window {
			window = int(f.arch("attention.sliding_window").Int())
		}
	}
	return out, window
}

func (f *File) headSize(key string, window bool, otherwise int64) int64 {
	size := f.archOr("attention."+key, otherwise)
	if window {
		size = f.archOr("attention."+key+"_swa", size)
	}
	return size
}

// windowed tells which layers have a sliding window.
func (f *File) windowed(n int) []bool {
	out := make([]bool, n)
	if f.arch("attention.sliding_window").Int() <= 0 {
		return out
	}
	every := windowEvery[f.Meta[keyArch].Str()]
	pattern, there := f.Meta[f.Meta[keyArch].Str()+".attention.sliding_window_pattern"]
	if there && pattern.Type == Array {
		for i, w := range pattern.perLayer(n) {
			out[i] = w != 0
		}
		return out
	}
	if there {
		every = pattern.Int()
	}
	for i := range out {
		out[i] = every > 1 && int64(i)%every < every-1
	}
	return out
}

// Use is what a context is opened for.
type Use struct {
	Cells   int // KV cells, all sequences together
	Seqs    int // sequences
	Rows    int // of one batch
	Outputs int // rows of a batch that may ask for logits
	// K and V are the bytes of a number in the cache; 0: 2.
	K, V    float64
	SWAFull bool // sliding-window layers have as many cells as the others
}

// Need is memory, in bytes.
type Need struct {
	Weights int64 // mapped from the file; they must stay in memory to be fast
	KV      int64
	Compute int64 // buffers of one step, logits among them
}

// Total returns the sum.
func (n Need) Total() int64 { return n.Weights + n.KV + n.Compute }

// Need estimates the memory of the model and one context with a unified KV
// cache (llama_kv_cache and llama_kv_cache_iswa in llama.cpp).
func (m *Model) Need(u Use) Need {
	cells := pad(int64(u.Cells), 256)
	window := cells
	if !u.SWAFull {
		window = pad(min(cells, int64(m.Window)*int64(u.Seqs)+int64(u.Rows)), 256)
	}
	n := Need{Weights: m.Weights}
	for _, l := range m.layers {
		if l.window {
			n.KV += window * l.bytes(u)
		} else {
			n.KV += cells * l.bytes(u)
		}
	}
	n.Compute = m.compute(u, cells)
	return n
}

// half is the size of a number where nothing else is said.
const half = 2.

// bytes returns the size of a cell.
func (l layer) bytes(u Use) int64 {
	return int64(float64(l.k)*cmp.Or(u.K, half) + float64(l.v)*cmp.Or(u.V, half))
}

// compute bounds the buffers of a step from above: logits twice (of the graph
// and for the caller), the mask, and some eight embeddings a row.
func (m *Model) compute(u Use, cells int64) int64 {
	rows := int64(u.Rows)
	return 8*int64(u.Outputs)*int64(m.Vocab) + 2*rows*cells + 32*rows*int64(m.Width)
}
