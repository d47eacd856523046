package gguf

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// pair is one metadata entry of a file in the making.
type pair struct {
	key   string
	value any
}

// raw is a value as it is in the file, its type among it.
type raw []byte

// info is one tensor of a file in the making.
type info struct {
	name   string
	dims   []uint64
	kind   TensorType
	offset uint64
}

// draft is a file in the making; what is wrong with it is the test's choice.
type draft struct {
	magic         string
	version       uint32
	tensors, keys uint64 // 0: as many as there are
	meta          []pair
	infos         []info
	data          int // bytes
}

// tiny is a model of one layer that Check takes.
func tiny() *draft {
	d := &draft{magic: "GGUF", version: 3, meta: []pair{
		{"general.architecture", "llama"},
		{"general.name", "Tiny"},
		{"llama.block_count", uint32(2)},
		{"llama.context_length", uint32(64)},
		{"llama.embedding_length", uint32(32)},
		{"llama.attention.head_count", uint32(4)},
		{"llama.attention.head_count_kv", uint32(2)},
		{"llama.attention.layer_norm_rms_epsilon", float32(1e-5)},
		{"tokenizer.ggml.model", "llama"},
		{"tokenizer.ggml.tokens", []string{"a", "b", "", "d"}},
		{"tokenizer.ggml.token_type", []int32{1, 1, 1, 1}},
		{"tokenizer.ggml.scores", []float32{0, 0, 0, 0}},
	}}
	d.add("token_embd.weight", 3, 32, 4)
	d.add("output_norm.weight", 0, 32)
	return d
}

// add appends a tensor where the last one ends.
func (d *draft) add(name string, kind TensorType, dims ...uint64) *draft {
	t := Tensor{Name: name, Type: kind}
	for _, n := range dims {
		t.Dims = append(t.Dims, int64(n))
	}
	size := int64(0)
	if len(dims) > 0 {
		size, _ = t.bytes() // 0 for what can't be
	}
	d.infos = append(d.infos, info{name, dims, kind, uint64(d.data)})
	d.data += int(pad(size, 32))
	return d
}

// set replaces a metadata value, or adds it.
func (d *draft) set(key string, value any) *draft {
	for i := range d.meta {
		if d.meta[i].key == key {
			d.meta[i].value = value
			return d
		}
	}
	d.meta = append(d.meta, pair{key, value})
	return d
}

// drop removes a metadata value.
func (d *draft) drop(key string) *draft {
	for i := range d.meta {
		if d.meta[i].key == key {
			d.meta = append(d.meta[:i:i], d.meta[i+1:]...)
			break
		}
	}
	return d
}

// bytes writes the file.
func (d *draft) bytes() []byte {
	var b bytes.Buffer
	b.WriteString(d.magic)
	put(&b, d.version)
	put(&b, max(d.tensors, uint64(len(d.infos))))
	put(&b, max(d.keys, uint64(len(d.meta))))
	for _, p := range d.meta {
		putString(&b, p.key)
		putValue(&b, p.value)
	}
	for _, t := range d.infos {
		putString(&b, t.name)
		put(&b, uint32(len(t.dims)))
		put(&b, t.dims)
		put(&b, t.kind)
		put(&b, t.offset)
	}
	b.Write(make([]byte, pad(int64(b.Len()), 32)-int64(b.Len())+int64(d.data)))
	return b.Bytes()
}

// file writes it into a temporary folder.
func (d *draft) file(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, d.bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func put(b *bytes.Buffer, v any) { binary.Write(b, binary.LittleEndian, v) }

func putString(b *bytes.Buffer, s string) {
	put(b, uint64(len(s)))
	b.WriteString(s)
}

func putValue(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case raw:
		b.Write(v)
	case string:
		put(b, String)
		putString(b, v)
	case []string:
		putArray(b, String, len(v))
		for _, s := range v {
			putString(b, s)
		}
	case []int32:
		putArray(b, I32, len(v))
		put(b, v)
	case []uint32:
		putArray(b, U32, len(v))
		put(b, v)
	case []float32:
		putArray(b, F32, len(v))
		put(b, v)
	case []bool:
		putArray(b, Bool, len(v))
		put(b, v)
	default:
		put(b, scalarType(v))
		put(b, v)
	}
}

func putArray(b *bytes.Buffer, elem ValueType, n int) {
	put(b, Array)
	put(b, elem)
	put(b, uint64(n))
}

func scalarType(v any) ValueType {
	switch v.(type) {
	case uint8:
		return U8
	case int8:
		return I8
	case uint16:
		return U16
	case int16:
		return I16
	case uint32:
		return U32
	case int32:
		return I32
	case float32:
		return F32
	case bool:
		return Bool
	case uint64:
		return U64
	case int64:
		return I64
	}
	return F64
}
