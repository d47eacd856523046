package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/moltbot/moltbot/models/gguf"
)

// tiny are the files of a BERT of one layer.
func tiny() map[string]string {
	return map[string]string{
		"config.json": `{"model_type": "bert", "hidden_act": "gelu", "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2,
			"intermediate_size": 8, "max_position_embeddings": 6, "type_vocab_size": 2, "layer_norm_eps": 1e-12}`,
		"tokenizer.json": `{"model": {"type": "WordPiece", "continuing_subword_prefix": "##", "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4, "##b": 5}},
			"normalizer": {"lowercase": true, "strip_accents": null},
			"added_tokens": [{"id": 0, "content": "[PAD]", "special": true}, {"id": 2, "content": "[CLS]", "special": true}, {"id": 3, "content": "[SEP]", "special": true}]}`,
		"1_Pooling/config.json": `{"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true}`,
		"model.safetensors":     string(safetensors(shapes())),
	}
}

func shapes() map[string][]int {
	s := map[string][]int{
		"bert.embeddings.word_embeddings.weight": {6, 4}, "bert.embeddings.position_embeddings.weight": {6, 4},
		"bert.embeddings.token_type_embeddings.weight": {2, 4}, "bert.embeddings.LayerNorm.gamma": {4}, "bert.embeddings.LayerNorm.beta": {4},
		"bert.pooler.dense.weight": {4, 4}, "bert.pooler.dense.bias": {4},
	}
	for name, shape := range map[string][]int{
		"attention.self.query": {4, 4}, "attention.self.key": {4, 4}, "attention.self.value": {4, 4}, "attention.output.dense": {4, 4},
		"attention.output.LayerNorm": {4}, "intermediate.dense": {8, 4}, "output.dense": {4, 8}, "output.LayerNorm": {4},
	} {
		s["bert.encoder.layer.0."+name+".weight"] = shape
		s["bert.encoder.layer.0."+name+".bias"] = shape[:1]
	}
	return s
}

// safetensors makes a file of tensors full of ones.
func safetensors(shapes map[string][]int) []byte {
	header, data := map[string]any{"__metadata__": map[string]string{"format": "pt"}}, []byte{}
	for name, shape := range shapes {
		n := 1
		for _, dim := range shape {
			n *= dim
		}
		from := len(data)
		for range n {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(1))
		}
		header[name] = map[string]any{"dtype": "F32", "shape": shape, "data_offsets": []int{from, len(data)}}
	}
	head, _ := json.Marshal(header) // maps of strings and numbers always encode
	return slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head, data)
}

// convert writes the files and runs a command line over them.
func convert(t *testing.T, files map[string]string, more ...string) (path string, err error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	path = filepath.Join(dir, "out.gguf")
	err = run(append([]string{"-from", dir, "-out", path, "-name", "tiny"}, more...), io.Discard)
	if left, _ := filepath.Glob(filepath.Join(dir, "*.part")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return path, err
}

func TestTheFileIsTheModel(t *testing.T) {
	for rule, c := range map[string]struct {
		flags   []string
		pooling gguf.Pooling
	}{
		"it pools as its config says":  {nil, gguf.PoolingMean},
		"it ranks with a made-up head": {[]string{"-made-up-head"}, gguf.PoolingRank},
	} {
		path, err := convert(t, tiny(), c.flags...)
		if err != nil {
			t.Fatal(err)
		}
		m, err := gguf.CheckEncoder(path)
		if err != nil || m.Arch != "bert" || m.Pooling != c.pooling || m.Layers != 1 || m.Width != 4 || m.Context != 6 || m.Vocab != 6 {
			t.Errorf("%s: got %+v, %v", rule, m, err)
		}
	}
}

func TestEqualModelsMakeEqualFiles(t *testing.T) {
	var files [2][]byte
	for i := range files {
		path, err := convert(t, tiny())
		if err != nil {
			t.Fatal(err)
		}
		if files[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("they differ")
	}
}

func TestTokensAreSpelledAsLlamaCppHasThem(t *testing.T) {
	m := model{special: map[string]int{"[CLS]": 2}}
	for text, want := range map[string]string{"a": "\u2581a", "##b": "b", "[CLS]": "[CLS]"} {
		if got := m.piece(text); got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestWhatIsNoSuchModelIsRefused(t *testing.T) {
	for _, c := range []struct{ rule, file, old, new, want string }{
		{"another kind of model", "config.json", `"bert"`, `"t5"`, `type "t5"`},
		{"another activation", "config.json", `"gelu"`, `"relu"`, `"relu"`},
		{"another tokeniser", "tokenizer.json", "WordPiece", "BPE", "a BPE"},
		{"an id twice", "tokenizer.json", `"##b": 5`, `"##b": 4`, "has the id 4"},
		{"no word of pooling", "1_Pooling/config.json", "true", "false", "neither the mean nor the first token"},
		{"a layer that isn't there", "config.json", `"num_hidden_layers": 1`, `"num_hidden_layers": 2`, "lacks the tensor encoder.layer.1"},
		{"a broken file", "model.safetensors", "data_offsets", "date_offsets", "its shape is"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			files := tiny()
			files[c.file] = strings.ReplaceAll(files[c.file], c.old, c.new)
			if _, err := convert(t, files); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
	if err := run([]string{"-from", "x"}, io.Discard); err == nil {
		t.Error("a command line without -out was taken")
	}
}

// FuzzSafetensors: whatever stands in a file, reading it returns.
func FuzzSafetensors(f *testing.F) {
	f.Add(safetensors(map[string][]int{"a": {2, 3}}))
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		weights, err := parseSafetensors(b)
		if err != nil {
			return
		}
		for name, w := range weights {
			n := 1
			for _, dim := range w.shape {
				n *= dim
			}
			if n != len(w.data) {
				t.Errorf("%q: %v holds %d numbers", name, w.shape, len(w.data))
			}
		}
	})
}

// float turns a half back into a number.
func float(h uint16) float64 {
	exp, mantissa := int(h>>10&31), float64(h&1023)
	if exp == 0 {
		return math.Ldexp(mantissa, -24)
	}
	return math.Ldexp(1024+mantissa, exp-25)
}

func TestHalf(t *testing.T) {
	for x, want := range map[float32]uint16{
		0: 0, 1: 0x3c00, -2: 0xc000, 65504: 0x7bff, 65520: 0x7c00, 0x1p-24: 1, 0x1p-25: 0, 0x1p-14: 0x0400, 2049: 0x6800, 2051: 0x6802, 1.9999: 0x4000,
		float32(math.Inf(-1)): 0xfc00,
	} {
		if got := half(x); got != want {
			t.Errorf("%v became %#x, want %#x", x, got, want)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		x := rapid.Float32Range(0, 60000).Draw(r, "x")
		h := half(x)
		for _, other := range []uint16{h + 1, max(h, 1) - 1} {
			if math.Abs(float(other)-float64(x)) < math.Abs(float(h)-float64(x)) {
				r.Error(fmt.Sprintf("%v became %v, %v is nearer", x, float(h), float(other)))
			}
		}
	})
}
