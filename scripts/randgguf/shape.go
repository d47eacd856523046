package main

import (
	"cmp"
	"flag"
	"fmt"
	"math"
	"slices"
	"strings"
)

// shape is the size of a model of the llama architecture.
type shape struct {
	Layers  int
	Width   int // of an embedding
	Heads   int // of attention
	KVHeads int // keys and values, each shared by Heads/KVHeads
	FF      int // width of the feed-forward part
	Context int // tokens that the model says it was trained for
}

type preset struct {
	name string
	shape
}

// presets are the shapes of published models: SmolLM2-135M, Llama 3.2 1B and
// 3B, Mistral 7B v0.3, Llama 3.1 8B, Qwen2.5 14B (without its biases). The
// vocabulary is another matter: 8b takes its own with that of Llama 3.
var presets = []preset{
	{"135m", shape{30, 576, 9, 3, 1536, 8192}},
	{"1b", shape{16, 2048, 32, 8, 8192, 131072}},
	{"3b", shape{28, 3072, 24, 8, 8192, 131072}},
	{"7b", shape{32, 4096, 32, 8, 14336, 32768}},
	{"8b", shape{32, 4096, 32, 8, 14336, 131072}},
	{"14b", shape{48, 5120, 40, 8, 13824, 32768}},
}

func presetNames() string {
	var names []string
	for _, p := range presets {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

// flags adds a flag for each size.
func (s *shape) flags(fs *flag.FlagSet) {
	fs.IntVar(&s.Layers, "layers", 0, "`N` layers, instead of the preset's")
	fs.IntVar(&s.Width, "embd", 0, "width of an embedding, likewise")
	fs.IntVar(&s.Heads, "heads", 0, "heads of attention, likewise")
	fs.IntVar(&s.KVHeads, "kv-heads", 0, "heads of keys and values, likewise")
	fs.IntVar(&s.FF, "ff", 0, "width of the feed-forward part, likewise")
	fs.IntVar(&s.Context, "ctx", 0, "tokens of context, likewise")
}

// choose returns the preset with the given sizes written over it, checked for the format.
func choose(name string, given shape, f format) (shape, error) {
	i := slices.IndexFunc(presets, func(p preset) bool { return p.name == name })
	var base shape
	switch {
	case i >= 0:
		base = presets[i].shape
	case name != "":
		return base, fmt.Errorf("the shape %q is unknown; there are %s", name, presetNames())
	}
	s := shape{
		Layers: cmp.Or(given.Layers, base.Layers), Width: cmp.Or(given.Width, base.Width),
		Heads: cmp.Or(given.Heads, base.Heads), KVHeads: cmp.Or(given.KVHeads, base.KVHeads),
		FF: cmp.Or(given.FF, base.FF), Context: cmp.Or(given.Context, base.Context),
	}
	return s, s.check(f)
}

// check refuses what llama.cpp can't compute or the format can't pack.
func (s shape) check(f format) error {
	if min(s.Layers, s.Width, s.Heads, s.KVHeads, s.FF, s.Context) < 1 {
		return fmt.Errorf("name a shape (%s), or give -layers, -embd, -heads, -kv-heads, -ff and -ctx, all positive", presetNames())
	}
	if s.Width%s.Heads != 0 || s.head()%2 != 0 || s.Heads%s.KVHeads != 0 {
		return fmt.Errorf("a width of %d can't be split into %d heads of even size with %d for keys", s.Width, s.Heads, s.KVHeads)
	}
	if s.Width%f.weights != 0 || s.FF%f.weights != 0 {
		return fmt.Errorf("%s packs %d weights together: widths of %d and %d are no multiples of it", f.name, f.weights, s.Width, s.FF)
	}
	return nil
}

// head is the width of one head.
func (s shape) head() int { return s.Width / s.Heads }

// weights counts those of the whole model.
func (s shape) weights(vocab int) (n int) {
	for _, t := range s.tensors(vocab) {
		n += t.cols * t.rows
	}
	return n
}

// tensor is a matrix of random weights, or a vector of ones when std is 0.
type tensor struct {
	name       string
	cols, rows int     // cols lie together; rows is 1 for a vector
	std        float64 // of the weights
}

// logitStd is how far logits spread: enough for a clear favourite, and little
// enough that sampling still finds others.
const logitStd = 3

// tensors lists the model's tensors in the order of the file. The spread of the
// weights keeps activations at about 1: a matrix that reads n normalised numbers
// has 1/√n, and those that add to the residual are divided by √(2·layers) more
// (Radford et al., GPT-2, 2019). The output has weights of its own: shared with
// the embedding it would say the last token again and again.
func (s shape) tensors(vocab int) []tensor {
	all := []tensor{{"token_embd.weight", s.Width, vocab, 1}}
	for i := range s.Layers {
		all = append(all, s.layer(fmt.Sprintf("blk.%d.", i))...)
	}
	return append(all,
		tensor{"output_norm.weight", s.Width, 1, 0},
		tensor{"output.weight", s.Width, vocab, logitStd / math.Sqrt(float64(s.Width))})
}

func (s shape) layer(prefix string) []tensor {
	kv := s.KVHeads * s.head()
	in, ff := 1/math.Sqrt(float64(s.Width)), 1/math.Sqrt(float64(s.FF))
	residual := 1 / math.Sqrt(float64(2*s.Layers))
	all := []tensor{
		{"attn_norm.weight", s.Width, 1, 0},
		{"attn_q.weight", s.Width, s.Width, in},
		{"attn_k.weight", s.Width, kv, in},
		{"attn_v.weight", s.Width, kv, in},
		{"attn_output.weight", s.Width, s.Width, in * residual},
		{"ffn_norm.weight", s.Width, 1, 0},
		{"ffn_gate.weight", s.Width, s.FF, in},
		{"ffn_up.weight", s.Width, s.FF, in},
		{"ffn_down.weight", s.FF, s.Width, ff * residual},
	}
	for i := range all {
		all[i].name = prefix + all[i].name
	}
	return all
}
