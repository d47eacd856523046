package main

import (
	"fmt"
	"slices"
)

// tensor is a weight under llama.cpp's name.
type tensor struct {
	name  string
	shape []int
	data  []float32
	exact bool // 32 bits; otherwise 16
}

// names is what llama.cpp calls each part, with .weight and .bias behind it; %d is the layer.
var (
	layerNames = [][2]string{
		{"encoder.layer.%d.attention.self.query", "blk.%d.attn_q"},
		{"encoder.layer.%d.attention.self.key", "blk.%d.attn_k"},
		{"encoder.layer.%d.attention.self.value", "blk.%d.attn_v"},
		{"encoder.layer.%d.attention.output.dense", "blk.%d.attn_output"},
		{"encoder.layer.%d.attention.output.LayerNorm", "blk.%d.attn_output_norm"},
		{"encoder.layer.%d.intermediate.dense", "blk.%d.ffn_up"},
		{"encoder.layer.%d.output.dense", "blk.%d.ffn_down"},
		{"encoder.layer.%d.output.LayerNorm", "blk.%d.layer_output_norm"},
	}
	headNames = [][2]string{{"pooler.dense", "cls"}, {"classifier", "cls.output"}}
)

// tensors lists what is written, in the order of the file.
func (m *model) tensors() (all []tensor, err error) {
	add := func(from, to string) {
		w, ok := m.weights[from]
		if !ok && err == nil {
			err = fmt.Errorf("the model lacks the tensor %s", from)
		}
		exact := len(w.shape) < 2 || to == "position_embd.weight" || to == "token_types.weight"
		all = append(all, tensor{to, w.shape, w.data, exact})
	}
	both := func(from, to string) {
		add(from+".weight", to+".weight")
		add(from+".bias", to+".bias")
	}
	add("embeddings.word_embeddings.weight", "token_embd.weight")
	add("embeddings.position_embeddings.weight", "position_embd.weight")
	add("embeddings.token_type_embeddings.weight", "token_types.weight")
	both("embeddings.LayerNorm", "token_embd_norm")
	for i := range m.config.Layers {
		for _, n := range layerNames {
			both(fmt.Sprintf(n[0], i), fmt.Sprintf(n[1], i))
		}
	}
	if m.pooling == poolRank {
		for _, n := range headNames {
			both(n[0], n[1])
		}
	}
	return all, err
}

// entry is one metadata value: bool, uint32, float32, string, []string or []int32.
type entry struct {
	key   string
	value any
}

// The types of tokens (enum llama_token_type).
const (
	normalToken  = 1
	controlToken = 3
)

func (m *model) metadata() []entry {
	c := m.config
	entries := []entry{
		{"general.architecture", "bert"},
		{"general.type", "model"},
		{"general.name", m.name},
		{"general.file_type", uint32(1)}, // mostly F16
		{"bert.block_count", uint32(c.Layers)},
		{"bert.context_length", uint32(c.Context)},
		{"bert.embedding_length", uint32(c.Width)},
		{"bert.feed_forward_length", uint32(c.FF)},
		{"bert.attention.head_count", uint32(c.Heads)},
		{"bert.attention.layer_norm_epsilon", float32(c.Epsilon)},
		{"bert.attention.causal", false},
		{"bert.pooling_type", m.pooling},
		{"tokenizer.ggml.model", "bert"},
		{"tokenizer.ggml.token_type_count", uint32(c.Types)},
		{"tokenizer.ggml.normalizer.lowercase", m.lowercase},
		{"tokenizer.ggml.normalizer.strip_accents", m.accents},
	}
	pieces, types := make([]string, len(m.tokens)), make([]int32, len(m.tokens))
	for i, text := range m.tokens {
		pieces[i], types[i] = m.piece(text), normalToken
		if _, ok := m.special[text]; ok {
			types[i] = controlToken
		}
	}
	entries = append(entries, entry{"tokenizer.ggml.tokens", pieces}, entry{"tokenizer.ggml.token_type", types})
	return slices.Concat(entries, m.specials())
}

// specials tells which tokens have which part; "seperator" is how the format spells it.
func (m *model) specials() (entries []entry) {
	for _, s := range [][2]string{
		{"bos", "[CLS]"}, {"cls", "[CLS]"}, {"seperator", "[SEP]"}, {"padding", "[PAD]"}, {"unknown", "[UNK]"}, {"mask", "[MASK]"},
	} {
		if id, ok := m.special[s[1]]; ok {
			entries = append(entries, entry{"tokenizer.ggml." + s[0] + "_token_id", uint32(id)})
		}
	}
	return entries
}
