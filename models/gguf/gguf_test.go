package gguf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// parse checks a file in memory.
func parse(b []byte) (*Model, error) {
	f, err := read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	return f.model(checkWrites)
}

func TestCheckTellsWhatTheFileSays(t *testing.T) {
	path := tiny().set("tokenizer.chat_template", "{{ x }}").file(t, "tiny.gguf")
	got, err := Check(path)
	if err != nil {
		t.Fatal(err)
	}
	want := &Model{
		Path: path, Arch: "llama", Name: "Tiny", Format: "F32", Layers: 2, Context: 64, Vocab: 4, Width: 32,
		Template: true, Weights: 80 + 128, Parts: 1, layers: []layer{{k: 16, v: 16}, {k: 16, v: 16}},
		reads:  reads{all: 80 + 128, table: 80},
		shapes: map[string][]int64{"token_embd.weight": {32, 4}, "output_norm.weight": {32}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestEveryTypeOfValueIsRead(t *testing.T) {
	d := tiny()
	for key, v := range map[string]any{
		"u8": uint8(7), "i8": int8(-7), "u16": uint16(7), "i16": int16(-7), "u32": uint32(7), "i32": int32(-7),
		"u64": uint64(7), "i64": int64(-7), "bool": true, "f32": float32(-7), "f64": float64(-7),
	} {
		d.set(key, v)
	}
	b := d.bytes()
	f, err := read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]int64{"u8": 7, "i8": -7, "u16": 7, "i16": -7, "u32": 7, "i32": -7, "u64": 7, "i64": -7, "bool": 1, "f32": 0} {
		if got := f.Meta[key].Int(); got != want {
			t.Errorf("%s is %d, want %d", key, got, want)
		}
	}
	if f.Meta["f32"].Float() != -7 || f.Meta["f64"].Float() != -7 || !math.IsNaN(f.Meta["u8"].Float()) {
		t.Errorf("the floats are %v and %v", f.Meta["f32"].Float(), f.Meta["f64"].Float())
	}
}

func TestCheckRefuses(t *testing.T) {
	for _, c := range []struct {
		rule string
		file []byte
		want string
	}{
		{"an empty file", nil, "truncated"},
		{"a file of another kind", []byte("PK\x03\x04 and more"), `it starts with "PK\x03\x04", not with GGUF`},
		{"version 1", with(func(d *draft) { d.version = 1 }), "its version is 1"},
		{"a later version", with(func(d *draft) { d.version = 4 }), "its version is 4"},
		{"big-endian numbers", with(func(d *draft) { d.version = 3 << 24 }), "big-endian"},
		{"no tensors", with(func(d *draft) { d.infos = nil }), "0 tensors"},
		{"more tensors than any model has", with(func(d *draft) { d.tensors = 1 << 40 }), "1099511627776 tensors"},
		{"more tensors than there are bytes", with(func(d *draft) { d.tensors = 1000 }), "not a usable GGUF file"},
		{"more keys than any model has", with(func(d *draft) { d.keys = math.MaxUint64 }), "metadata keys"},
		{"a key twice", with(func(d *draft) { d.meta = append(d.meta, d.meta[0]) }), "is there twice"},
		{"a string longer than the file", with(func(d *draft) { d.set("x", raw("\x08\x00\x00\x00\xff\xff\x00\x00\x00\x00\x00\x00")) }), "truncated"},
		{"a string longer than any", with(func(d *draft) { d.set("x", raw("\x08\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff")) }), "claims 18446744073709551615 bytes"},
		{"an array longer than the file", with(func(d *draft) { d.set("x", raw("\x09\x00\x00\x00\x05\x00\x00\x00\xff\xff\xff\x01\x00\x00\x00\x00")) }), "truncated"},
		{"an array longer than any", with(func(d *draft) { d.set("x", raw("\x09\x00\x00\x00\x05\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff")) }), "an array of"},
		{"an array of arrays", with(func(d *draft) { d.set("x", raw("\x09\x00\x00\x00\x09\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00")) }), "an array of"},
		{"a value of an unknown type", with(func(d *draft) { d.set("x", raw("\x63\x00\x00\x00")) }), "unknown type 99"},
		{"a truth value that is neither", with(func(d *draft) { d.set("x", raw("\x07\x00\x00\x00\x02")) }), "truth value of 2"},
		{"an alignment that is no power of 2", with(func(d *draft) { d.set("general.alignment", uint32(24)) }), "alignment is 24"},
		{"an alignment of 0", with(func(d *draft) { d.set("general.alignment", uint32(0)) }), "alignment is 0"},
		{"a tensor twice", with(func(d *draft) { d.add("output_norm.weight", 0, 32) }), "is there twice"},
		{"a tensor of no dimension", with(func(d *draft) { d.add("x", 0) }), "0 dimensions"},
		{"a tensor of five dimensions", with(func(d *draft) { d.add("x", 0, 1, 1, 1, 1, 1) }), "5 dimensions"},
		{"a tensor without elements", with(func(d *draft) { d.add("x", 0, 32, 0) }), "impossible shape"},
		{"a tensor larger than can be counted", with(func(d *draft) { d.add("x", 0, 1<<40, 1<<40) }), "impossible shape"},
		{"a tensor of a removed type", with(func(d *draft) { d.add("x", 4, 32) }), "unknown type 4"},
		{"a row that is no multiple of its block", with(func(d *draft) { d.add("x", 3, 33) }), "no multiple of 32"},
		{"a name that is too long", with(func(d *draft) { d.add(strings.Repeat("x", 64), 0, 32) }), "claims 64 bytes"},
		{"tensors that overlap", with(func(d *draft) { d.infos[1].offset = 0 }), "starts at byte 0"},
		{"a tensor past the end of the file", with(func(d *draft) { d.infos[1].offset = 1 << 50 }), "starts at byte 1125899906842624"},
		{"a file that is cut", cut(tiny().bytes(), 1), "truncated: it needs"},
		{"no architecture", with(func(d *draft) { d.drop("general.architecture") }), "doesn't name its architecture"},
		{"an adapter", with(func(d *draft) { d.set("general.type", "adapter") }), `no model but of the type "adapter"`},
		{"an encoder", with(func(d *draft) { d.set("general.architecture", "bert") }), "doesn't write text"},
		{"no layers", with(func(d *draft) { d.set("llama.block_count", uint32(0)) }), "block_count is 0"},
		{"more layers than llama.cpp can have", with(func(d *draft) { d.set("llama.block_count", uint32(513)) }), "block_count is 513"},
		{"a count of the wrong type", with(func(d *draft) { d.set("llama.block_count", "two") }), "block_count has the wrong type"},
		{"no context length", with(func(d *draft) { d.drop("llama.context_length") }), "lacks context_length"},
		{"heads that can't share keys", with(func(d *draft) { d.set("llama.attention.head_count_kv", uint32(3)) }), "shares 3 keys among 4"},
		{"heads that can't share keys, in one layer", with(func(d *draft) { d.set("llama.attention.head_count_kv", []uint32{2, 3}) }), "layer 1 shares 3 keys"},
		{"more heads than numbers", with(func(d *draft) { d.set("llama.attention.head_count", uint32(64)) }), "64 attention heads"},
		{"more experts in use than there are", with(func(d *draft) { d.set("llama.expert_used_count", uint32(2)) }), "it has 0 experts"},
		{"experts of which none is used", with(func(d *draft) { d.set("llama.expert_count", uint32(8)) }), "it has 8 experts"},
		{"experts in uneven groups", with(func(d *draft) {
			d.set("llama.expert_count", uint32(8)).set("llama.expert_used_count", uint32(2)).set("llama.expert_group_count", uint32(3))
		}), "8 experts in 3 groups"},
		{"an unknown rope scaling", with(func(d *draft) { d.set("llama.rope.scaling.type", "cubic") }), `"cubic" is unknown`},
		{"an odd number of turned dimensions", with(func(d *draft) { d.set("llama.rope.dimension_count", uint32(7)) }), "odd number"},
		{"a rope base that is no number", with(func(d *draft) { d.set("llama.rope.freq_base", float32(math.NaN())) }), "rope.freq_base is NaN"},
		{"a negative epsilon", with(func(d *draft) { d.set("llama.attention.layer_norm_rms_epsilon", float32(-1)) }), "epsilon is -1"},
		{"an epsilon that is no number", with(func(d *draft) { d.set("llama.attention.layer_norm_rms_epsilon", float32(math.NaN())) }), "epsilon is NaN"},
		{"no tokeniser", with(func(d *draft) { d.drop("tokenizer.ggml.model") }), "no tokeniser"},
		{"a tokeniser without a vocabulary", with(func(d *draft) { d.set("tokenizer.ggml.model", "no_vocab") }), "no vocabulary"},
		{"no tokens", with(func(d *draft) { d.drop("tokenizer.ggml.tokens") }), "no list of tokens"},
		{"fewer scores than tokens", with(func(d *draft) { d.set("tokenizer.ggml.scores", []float32{1}) }), "doesn't fit its 4 tokens"},
		{"token types that are no integers", with(func(d *draft) { d.set("tokenizer.ggml.token_type", []float32{1, 1, 1, 1}) }), "doesn't fit its 4 tokens"},
		{"two tokens of the same text", with(func(d *draft) { d.set("tokenizer.ggml.tokens", []string{"a", "b", "c", "b"}) }), `tokens 1 and 3 are both "b"`},
		{"a token with the name of an empty one", with(func(d *draft) { d.set("tokenizer.ggml.tokens", []string{"[EMPTY_2]", "b", "", "d"}) }), "tokens 0 and 2"},
		{"a tensor type that isn't for storage", with(func(d *draft) { d.add("x.weight", 15, 256) }), "isn't for storage"},
		{"a packed vector", with(func(d *draft) { d.add("x.weight", 3, 32) }), "vector of the type Q4_1"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := parse(c.file)
			if !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got  %v\nwant one line with %q", err, c.want)
			}
		})
	}
}

// with writes the tiny model after a change.
func with(change func(*draft)) []byte {
	d := tiny()
	change(d)
	return d.bytes()
}

func cut(b []byte, n int) []byte { return b[:len(b)-n] }

func TestCheckAllows(t *testing.T) {
	for rule, file := range map[string][]byte{
		"version 2":                   with(func(d *draft) { d.version = 2 }),
		"an alignment of its own":     with(func(d *draft) { d.set("general.alignment", uint32(16)); d.infos[1].offset = 80 }),
		"heads that differ by layer":  with(func(d *draft) { d.set("llama.attention.head_count_kv", []uint32{0, 4}) }),
		"experts":                     with(func(d *draft) { d.set("llama.expert_count", uint32(8)).set("llama.expert_used_count", uint32(2)) }),
		"the type that models have":   with(func(d *draft) { d.set("general.type", "model") }),
		"a context longer than files": with(func(d *draft) { d.set("llama.context_length", uint32(10<<20)) }),
	} {
		if _, err := parse(file); err != nil {
			t.Errorf("%s: %v", rule, err)
		}
	}
}

func TestEveryCutIsRefused(t *testing.T) {
	whole := tiny().bytes()
	last := len(whole) - 1 // the last tensor ends with the file
	for n := range last {
		if _, err := parse(whole[:n]); !errors.Is(err, ErrFile) {
			t.Fatalf("the first %d of %d bytes: %v", n, len(whole), err)
		}
	}
}

func TestAHeaderThatLiesAllocatesLittle(t *testing.T) {
	lie := raw(binary.LittleEndian.AppendUint64([]byte("\x09\x00\x00\x00\x08\x00\x00\x00"), maxArray))
	file := with(func(d *draft) { d.set("tokenizer.ggml.tokens", lie); d.keys, d.tensors = maxKeys, maxTensors })
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	parse(file)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes were allocated for a file of %d", n, len(file))
	}
}

func TestCheckNamesTheFile(t *testing.T) {
	if _, err := Check(filepath.Join(t.TempDir(), "none.gguf")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := Check(t.TempDir()); !errors.Is(err, ErrFile) {
		t.Errorf("a folder: %v", err)
	}
	path := filepath.Join(t.TempDir(), "short.gguf")
	os.WriteFile(path, []byte("GGUF"), 0o644)
	if _, err := Check(path); err == nil || !strings.HasPrefix(err.Error(), "model file short.gguf: not a usable GGUF file: truncated") {
		t.Errorf("got %v", err)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(tiny().bytes())
	f.Add(with(func(d *draft) { d.set("llama.expert_count", uint32(8)).set("llama.expert_used_count", []uint32{2, 4}) }))
	f.Add(with(func(d *draft) { d.set("general.architecture", "gemma3").set("gemma3.block_count", uint32(6)) }))
	f.Add([]byte("GGUF\x03\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parse(b)
		if err != nil {
			if !errors.Is(err, ErrFile) {
				t.Errorf("got %v, which isn't ErrFile", err)
			}
			return
		}
		if m.Weights <= 0 || m.Weights > int64(len(b)) || m.Layers != len(m.layers) || m.Vocab < 1 {
			t.Errorf("a file of %d bytes is taken for %+v", len(b), m)
		}
		if n := m.Need(Use{Cells: 4096, Seqs: 4, Rows: 64, Outputs: 4}); n.KV < 0 || n.Compute < 0 || n.Total() < n.Weights {
			t.Errorf("it needs %+v", n)
		}
	})
}

func TestCheckEncoder(t *testing.T) {
	for _, c := range []struct {
		rule    string
		pooling any
		want    string
	}{
		{"a model that pools is taken", uint32(1), ""},
		{"so is one that ranks", uint32(4), ""},
		{"one that says nothing of it isn't", nil, "doesn't say how to pool"},
		{"nor one that says no", uint32(0), "doesn't say how to pool"},
		{"an unknown way is refused", uint32(9), "its pooling type is 9"},
		{"a negative one too", int32(-1), "its pooling type is -1"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			d := tiny()
			if c.pooling != nil {
				d.set("llama.pooling_type", c.pooling)
			}
			m, err := CheckEncoder(d.file(t, "tiny.gguf"))
			if c.want == "" {
				if err != nil || m.Pooling == PoolingNone {
					t.Errorf("got %+v, %v", m, err)
				}
			} else if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}
