// Package gguf reads what a model file says of itself, before C sees the file.
//
// Owns: the bounded reader of GGUF headers, the rules a file must meet so that
// llama.cpp can load it without aborting, and the arithmetic of memory.
// Must not import: anything of Moltbot.
// Flow: Check reads the header and returns a Model or one clear error; Need
// tells from the Model how much memory a context of some size takes.
//
// Source of the format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
package gguf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// ErrFile says that a file isn't a GGUF model that llama.cpp can load.
var ErrFile = errors.New("not a usable GGUF file")

// bad makes an ErrFile with its reason.
func bad(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrFile, fmt.Sprintf(format, a...))
}

// File is the header of one GGUF file.
type File struct {
	Version   uint32
	Meta      map[string]Value
	Tensors   []Tensor
	Alignment int64 // bytes
	Data      int64 // bytes from the start of the file to the first tensor
	Size      int64 // bytes of the whole file
}

// Tensor says where and what a tensor is.
type Tensor struct {
	Name   string
	Dims   []int64 // 1 to 4, the row first
	Type   TensorType
	Offset int64 // bytes from File.Data
	Bytes  int64
}

// What no honest file exceeds.
const (
	maxKeys      = 1 << 16
	maxTensors   = 1 << 17
	maxKey       = 1<<16 - 1 // bytes, by the specification
	maxString    = 1 << 24   // bytes
	maxArray     = 1 << 26   // elements
	maxDims      = 4         // GGML_MAX_DIMS
	maxName      = 63        // bytes, GGML_MAX_NAME less its end
	maxAlignment = 1 << 20   // bytes
)

// read reads the header of a file of that many bytes. It allocates no more
// than a small multiple of the header's own bytes, whatever the counts claim.
func read(r io.ReaderAt, size int64) (*File, error) {
	d := newDecoder(r, size)
	f := &File{Meta: map[string]Value{}, Size: size}
	tensors, keys := f.readHead(d)
	f.readMeta(d, keys)
	f.readTensors(d, tensors)
	if d.err != nil {
		return nil, d.err
	}
	f.Data = pad(d.pos, f.Alignment)
	return f, f.checkData()
}

// readHead reads magic, version and the two counts.
func (f *File) readHead(d *decoder) (tensors, keys uint64) {
	if magic := string(d.bytes(4)); d.err == nil && magic != "GGUF" {
		d.fail("it starts with %q, not with GGUF", magic)
	}
	f.Version = d.u32()
	switch {
	case d.err != nil:
	case f.Version&0xffff == 0:
		d.fail("its numbers are big-endian")
	case f.Version != 2 && f.Version != 3:
		d.fail("its version is %d; 2 and 3 can be read", f.Version)
	}
	tensors, keys = d.u64(), d.u64()
	if d.err == nil && (tensors == 0 || tensors > maxTensors) {
		d.fail("it claims %d tensors", tensors)
	}
	if d.err == nil && keys > maxKeys {
		d.fail("it claims %d metadata keys", keys)
	}
	return tensors, keys
}

func (f *File) readMeta(d *decoder, keys uint64) {
	for range keys {
		key := d.str(maxKey)
		v := d.value(key)
		if d.err != nil {
			return
		}
		if _, twice := f.Meta[key]; twice || key == "" {
			d.fail("the metadata key %q is there twice, or empty", key)
			return
		}
		f.Meta[key] = v
	}
	f.Alignment = 32
	if v, ok := f.Meta["general.alignment"]; ok {
		f.Alignment = int64(v.Int())
		if v.Type != U32 || f.Alignment < 1 || f.Alignment > maxAlignment || f.Alignment&(f.Alignment-1) != 0 {
			d.fail("its alignment is %d", f.Alignment)
		}
	}
}

func (f *File) readTensors(d *decoder, tensors uint64) {
	names := map[string]bool{}
	for range tensors {
		t := d.tensor()
		if d.err != nil {
			return
		}
		if names[t.Name] {
			d.fail("the tensor %q is there twice", t.Name)
			return
		}
		names[t.Name] = true
		f.Tensors = append(f.Tensors, t)
	}
}

// checkData checks that the tensors lie one after another, within the file.
func (f *File) checkData() error {
	next := int64(0)
	for _, t := range f.Tensors {
		if t.Offset != next {
			return bad("tensor %q starts at byte %d of the data, %d was expected", t.Name, t.Offset, next)
		}
		next = pad(t.Offset+t.Bytes, f.Alignment)
		if next < 0 || next > 1<<60 {
			return bad("its tensors take more bytes than can be counted")
		}
	}
	last := f.Tensors[len(f.Tensors)-1]
	if needs := f.Data + last.Offset + last.Bytes; needs > f.Size {
		return bad("truncated: it needs %d bytes and has %d", needs, f.Size)
	}
	return nil
}

func pad(n, to int64) int64 { return (n + to - 1) / to * to }

// open reads the header of the file at path.
func open(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, bad("it is not a regular file")
	}
	return read(file, info.Size())
}

// clip shortens a string of the file for a message.
func clip(s string) string {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}
