package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
)

const (
	fileMagic = 0x46554747 // "GGUF"
	alignment = 32         // bytes, of the header and of each tensor
)

// writeFile writes the order's file beside its name and then gives it the name.
// It returns the size in bytes.
func writeFile(path string, o order) (size int64, err error) {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part")
	if err != nil {
		return 0, err
	}
	defer os.Remove(file.Name()) // nothing is there after the rename
	defer file.Close()
	w := newWriter(file)
	w.model(o)
	if w.err == nil {
		w.err = w.w.Flush()
	}
	if w.err != nil {
		return 0, w.err
	}
	if err := file.Close(); err != nil {
		return 0, err
	}
	if err := os.Chmod(file.Name(), 0o644); err != nil {
		return 0, err
	}
	return w.n, os.Rename(file.Name(), path)
}

// writer counts bytes and keeps the first error.
type writer struct {
	w   *bufio.Writer
	n   int64
	err error
}

func newWriter(w io.Writer) *writer { return &writer{w: bufio.NewWriterSize(w, 1<<20)} }

// model writes header, padding and tensors.
func (w *writer) model(o order) {
	tensors := o.shape.tensors(o.vocab.size)
	keys := metadata(o)
	w.put(uint32(fileMagic), uint32(3), uint64(len(tensors)), uint64(len(keys)+o.vocab.keys))
	for _, k := range keys {
		w.str(k.key)
		w.value(k.value)
	}
	w.bytes(o.vocab.raw)
	w.directory(tensors, o.format)
	w.pad()
	random := rand.NewChaCha8(seed(o.seed))
	for _, t := range tensors {
		w.tensor(t, o.format, random)
		w.pad()
	}
}

func seed(n uint64) (s [32]byte) {
	binary.LittleEndian.PutUint64(s[:], n)
	return s
}

// entry is one metadata value: uint32, float32 or string.
type entry struct {
	key   string
	value any
}

func metadata(o order) []entry {
	s := o.shape
	return []entry{
		{"general.architecture", "llama"},
		{"general.name", o.name},
		{"general.file_type", o.format.fileType},
		{"general.quantization_version", uint32(2)},
		{"llama.block_count", uint32(s.Layers)},
		{"llama.context_length", uint32(s.Context)},
		{"llama.embedding_length", uint32(s.Width)},
		{"llama.feed_forward_length", uint32(s.FF)},
		{"llama.attention.head_count", uint32(s.Heads)},
		{"llama.attention.head_count_kv", uint32(s.KVHeads)},
		{"llama.attention.layer_norm_rms_epsilon", float32(1e-5)},
		{"llama.rope.dimension_count", uint32(s.head())},
	}
}

// directory says where each tensor lies.
func (w *writer) directory(tensors []tensor, f format) {
	offset := int64(0)
	for _, t := range tensors {
		w.str(t.name)
		kind := f.kind
		if t.std == 0 {
			kind = 0 // F32
		}
		if t.rows == 1 {
			w.put(uint32(1), uint64(t.cols))
		} else {
			w.put(uint32(2), uint64(t.cols), uint64(t.rows))
		}
		w.put(kind, uint64(offset))
		offset = padded(offset + t.bytes(f))
	}
}

func (t tensor) bytes(f format) int64 {
	if t.std == 0 {
		return 4 * int64(t.cols)
	}
	return int64(t.cols) * int64(t.rows) / int64(f.weights) * int64(f.bytes)
}

func padded(n int64) int64 { return (n + alignment - 1) / alignment * alignment }

// tensor writes a vector of ones, or a matrix row by row.
func (w *writer) tensor(t tensor, f format, random io.Reader) {
	if t.std == 0 {
		for range t.cols {
			w.put(float32(1))
		}
		return
	}
	row := make([]byte, t.cols/f.weights*f.bytes)
	for range t.rows {
		_, _ = io.ReadFull(random, row) // ChaCha8 never fails
		for at := 0; at < len(row); at += f.bytes {
			f.shape(row[at:at+f.bytes], t.std)
		}
		w.bytes(row)
	}
}

func (w *writer) pad() { w.bytes(make([]byte, padded(w.n)-w.n)) }

func (w *writer) bytes(b []byte) {
	if w.err == nil {
		var n int
		n, w.err = w.w.Write(b)
		w.n += int64(n)
	}
}

func (w *writer) put(values ...any) {
	for _, v := range values {
		b, err := binary.Append(nil, binary.LittleEndian, v)
		if err != nil {
			panic(err) // a type that has no fixed size
		}
		w.bytes(b)
	}
}

func (w *writer) str(s string) {
	w.put(uint64(len(s)))
	w.bytes([]byte(s))
}

func (w *writer) value(v any) {
	switch v := v.(type) {
	case string:
		w.put(uint32(typeString))
		w.str(v)
	case uint32:
		w.put(uint32(typeU32), v)
	case float32:
		w.put(uint32(typeF32), v)
	}
}
