package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
)

// model is a BERT as its files tell it.
type model struct {
	name      string
	config    config
	pooling   uint32 // enum llama_pooling_type
	tokens    []string
	special   map[string]int // by text
	lowercase bool
	accents   bool // they are stripped
	weights   map[string]weight
}

// config is config.json.
type config struct {
	Type      string  `json:"model_type"`
	Act       string  `json:"hidden_act"`
	Positions string  `json:"position_embedding_type"`
	Width     int     `json:"hidden_size"`
	Layers    int     `json:"num_hidden_layers"`
	Heads     int     `json:"num_attention_heads"`
	FF        int     `json:"intermediate_size"`
	Context   int     `json:"max_position_embeddings"`
	Types     int     `json:"type_vocab_size"`
	Epsilon   float64 `json:"layer_norm_eps"`
}

const (
	poolMean = 1
	poolCLS  = 2
	poolRank = 4
)

// readModel reads the files of a model and refuses what llama.cpp would compute otherwise.
func readModel(files fs.FS) (*model, error) {
	m := &model{}
	if err := readJSON(files, "config.json", &m.config); err != nil {
		return nil, err
	}
	c := m.config
	if c.Type != "bert" || c.Act != "gelu" || c.Positions != "" && c.Positions != "absolute" {
		return nil, fmt.Errorf("a model of type %q with %q and %q positions is not the BERT that is known here", c.Type, c.Act, c.Positions)
	}
	if err := m.readTokens(files); err != nil {
		return nil, err
	}
	raw, err := fs.ReadFile(files, "model.safetensors")
	if err != nil {
		return nil, err
	}
	if m.weights, err = parseSafetensors(raw); err != nil {
		return nil, fmt.Errorf("model.safetensors: %w", err)
	}
	return m, m.readPooling(files)
}

func readJSON(files fs.FS, name string, into any) error {
	b, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// readTokens reads tokenizer.json, which must be WordPiece.
func (m *model) readTokens(files fs.FS) error {
	var t struct {
		Model struct {
			Type   string
			Prefix string `json:"continuing_subword_prefix"`
			Vocab  map[string]int
		}
		Normalizer struct {
			Lowercase bool
			Strip     *bool `json:"strip_accents"`
		}
		Added []struct {
			ID      int
			Content string
			Special bool
		} `json:"added_tokens"`
	}
	if err := readJSON(files, "tokenizer.json", &t); err != nil {
		return err
	}
	if t.Model.Type != "WordPiece" || t.Model.Prefix != "##" {
		return fmt.Errorf("tokenizer.json: a %s with the prefix %q is not known here", t.Model.Type, t.Model.Prefix)
	}
	m.tokens = make([]string, len(t.Model.Vocab))
	for text, id := range t.Model.Vocab {
		if id < 0 || id >= len(m.tokens) || m.tokens[id] != "" {
			return fmt.Errorf("tokenizer.json: the token %q has the id %d", text, id)
		}
		m.tokens[id] = text
	}
	m.special = map[string]int{}
	for _, a := range t.Added {
		if a.Special {
			m.special[a.Content] = a.ID
		}
	}
	m.lowercase, m.accents = t.Normalizer.Lowercase, t.Normalizer.Lowercase
	if t.Normalizer.Strip != nil {
		m.accents = *t.Normalizer.Strip
	}
	return nil
}

// readPooling tells how rows become a vector: by a classifier where there is
// one, else as 1_Pooling/config.json of Sentence Transformers has it.
func (m *model) readPooling(files fs.FS) error {
	if _, ok := m.weights["classifier.weight"]; ok {
		m.pooling = poolRank
		return nil
	}
	var p struct {
		CLS  bool `json:"pooling_mode_cls_token"`
		Mean bool `json:"pooling_mode_mean_tokens"`
	}
	if err := readJSON(files, "1_Pooling/config.json", &p); err != nil {
		return fmt.Errorf("how to pool: %w", err)
	}
	switch {
	case p.Mean && !p.CLS:
		m.pooling = poolMean
	case p.CLS && !p.Mean:
		m.pooling = poolCLS
	default:
		return errors.New("1_Pooling/config.json: neither the mean nor the first token")
	}
	return nil
}

// addHead makes a reranker of the model: sin(1), sin(2), … are the weights of its score.
func (m *model) addHead() {
	w := weight{shape: []int{1, m.config.Width}, data: make([]float32, m.config.Width)}
	for i := range w.data {
		w.data[i] = float32(math.Sin(float64(i + 1)))
	}
	m.weights["classifier.weight"] = w
	m.weights["classifier.bias"] = weight{shape: []int{1}, data: []float32{0}}
	m.pooling = poolRank
}

// piece is how llama.cpp spells a token: one that begins a word starts with
// U+2581, one that goes on with it has no mark.
func (m *model) piece(text string) string {
	if _, ok := m.special[text]; ok {
		return text
	}
	if rest, ok := strings.CutPrefix(text, "##"); ok {
		return rest
	}
	return "\u2581" + text
}
