package gguf

import (
	"math"
	"slices"
	"strings"
)

const keyArch = "general.architecture"

// What llama.cpp v0.5.0 compiles in (llama-hparams.h).
const (
	maxLayers  = 512
	maxExperts = 1024
)

// notText lists the architectures that embed, encode or see, and can't continue a text.
var notText = []string{
	"bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3",
	"eurobert", "gemma-embedding", "llama-embed", "t5", "t5encoder", "clip", "wavtokenizer-dec",
}

// Pooling is how a model's rows become one vector (enum llama_pooling_type).
type Pooling int

const (
	PoolingNone Pooling = iota // they don't
	PoolingMean
	PoolingCLS
	PoolingLast
	PoolingRank // a classifier's score: the model is a reranker
)

// checkArch refuses files that aren't models.
func checkArch(f *File) error {
	arch := f.Meta[keyArch]
	if arch.Type != String || arch.Str() == "" {
		return bad("it doesn't name its architecture")
	}
	if kind := f.Meta["general.type"].Str(); kind != "" && kind != "model" {
		return bad("it is no model but of the type %q", clip(kind))
	}
	return nil
}

// checkWrites refuses models that don't write text.
func checkWrites(f *File) error {
	if arch := f.Meta[keyArch].Str(); slices.Contains(notText, arch) {
		return bad("its architecture %q doesn't write text", arch)
	}
	return nil
}

// checkPools refuses models that don't turn a text into a vector.
func checkPools(f *File) error {
	switch p := Pooling(f.arch("pooling_type").Int()); {
	case p == PoolingNone:
		return bad("it doesn't say how to pool, so it neither embeds nor ranks")
	case p < 0 || p > PoolingRank:
		return bad("its pooling type is %d", p)
	}
	return nil
}

// checkSizes checks the counts on which llama.cpp sizes everything else.
func checkSizes(f *File) error {
	for _, c := range []struct {
		key      string
		required bool
		lo, hi   int64
	}{
		{"block_count", true, 1, maxLayers},
		{"context_length", true, 1, 1 << 31},
		{"embedding_length", true, 1, 1 << 20},
		{"attention.key_length", false, 1, 1 << 16},
		{"attention.value_length", false, 1, 1 << 16},
		{"rope.dimension_count", false, 0, 1 << 16},
		{"attention.sliding_window", false, 0, 1 << 31},
		{"vocab_size", false, 1, 1 << 26},
	} {
		v, there := f.Meta[f.Meta[keyArch].Str()+"."+c.key]
		switch {
		case !there && c.required:
			return bad("its metadata lacks %s", c.key)
		case there && v.Type != U32:
			return bad("its %s has the wrong type", c.key)
		case there && (v.Int() < c.lo || v.Int() > c.hi):
			return bad("its %s is %d", c.key, v.Int())
		}
	}
	return f.checkHeads()
}

// checkHeads checks the attention heads of each layer: whole groups of them
// share a key and a value.
func (f *File) checkHeads() error {
	layers := int(f.arch("block_count").Int())
	heads := f.arch("attention.head_count").perLayer(layers)
	shared := heads
	if v, ok := f.Meta[f.Meta[keyArch].Str()+".attention.head_count_kv"]; ok {
		shared = v.perLayer(layers)
	}
	width := f.arch("embedding_length").Int()
	for i := range layers {
		switch {
		case heads[i] < 0 || heads[i] > width || shared[i] < 0 || shared[i] > width:
			return bad("layer %d has %d attention heads and %d for keys", i, heads[i], shared[i])
		case shared[i] > 0 && heads[i]%shared[i] != 0:
			return bad("layer %d shares %d keys among %d attention heads", i, shared[i], heads[i])
		}
	}
	return nil
}

// checkExperts repeats what llama.cpp asserts of mixtures of experts.
func checkExperts(f *File) error {
	n, groups, usedGroups := f.arch("expert_count").Int(), f.arch("expert_group_count").Int(), f.arch("expert_group_used_count").Int()
	used := slices.Max(f.arch("expert_used_count").perLayer(int(f.arch("block_count").Int())))
	ok := n >= 0 && n <= maxExperts && used <= n && groups >= 0
	if n > 0 {
		ok = ok && used > 0 && groups < n
	} else {
		ok = ok && used == 0 && groups == 0
	}
	if groups > 1 {
		ok = ok && n%groups == 0 && usedGroups > 0 && usedGroups < groups
	}
	if !ok {
		return bad("it has %d experts in %d groups and uses %d in %d groups", n, groups, used, usedGroups)
	}
	return nil
}

// checkRope checks how positions are turned into angles.
func checkRope(f *File) error {
	if v := f.arch("rope.scaling.type"); v.Type == String && !slices.Contains([]string{"none", "linear", "yarn", "longrope"}, v.Str()) {
		return bad("its rope scaling %q is unknown", clip(v.Str()))
	}
	if dims := f.archOr("rope.dimension_count", 0); dims%2 != 0 {
		return bad("it turns %d dimensions, an odd number", dims)
	}
	for _, key := range []string{"rope.freq_base", "rope.freq_base_swa", "rope.scaling.factor"} {
		v, there := f.Meta[f.Meta[keyArch].Str()+"."+key]
		if x := v.Float(); there && (v.Type != F32 || math.IsNaN(x) || math.IsInf(x, 0) || x < 0) {
			return bad("its %s is %v", key, x)
		}
	}
	return nil
}

// checkNorm: llama.cpp aborts on a norm whose epsilon is negative or no number.
func checkNorm(f *File) error {
	for _, key := range []string{"attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon", "attention.group_norm_epsilon"} {
		v, there := f.Meta[f.Meta[keyArch].Str()+"."+key]
		if x := v.Float(); there && (v.Type != F32 || !(x >= 0 && x < 1)) {
			return bad("its %s is %v", key, x)
		}
	}
	return nil
}

// checkTypes refuses number formats for which there is no arithmetic: the
// intermediate ones, and packed ones for vectors.
func checkTypes(f *File) error {
	for _, t := range f.Tensors {
		if t.Type == 9 || t.Type == 15 || t.Type == 28 {
			return bad("tensor %q has the type %s, which isn't for storage", clip(t.Name), t.Type)
		}
		weight := strings.HasSuffix(t.Name, ".weight") || strings.HasSuffix(t.Name, ".bias")
		if plain := t.Type <= 1 || t.Type == 30; weight && len(t.Dims) == 1 && !plain {
			return bad("tensor %q is a vector of the type %s", clip(t.Name), t.Type)
		}
	}
	return nil
}
