package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
)

const (
	fileMagic = 0x46554747 // "GGUF"
	alignment = 32         // bytes, of the header and of each tensor
)

// The types of metadata values and of tensors, as the format numbers them.
const (
	typeU32, typeI32, typeF32, typeBool, typeString, typeArray = 4, 5, 6, 7, 8, 9
	tensorF32, tensorF16                                       = 0, 1
)

// writeFile writes the model beside the file's name and then gives it the name.
// It returns the size in bytes.
func writeFile(path string, m *model) (size int64, err error) {
	tensors, err := m.tensors()
	if err != nil {
		return 0, err
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part")
	if err != nil {
		return 0, err
	}
	defer os.Remove(file.Name()) // nothing is there after the rename
	defer file.Close()
	w := &writer{w: bufio.NewWriterSize(file, 1<<20)}
	w.model(m.metadata(), tensors)
	if err := errors.Join(w.err, w.w.Flush(), file.Chmod(0o644), file.Close()); err != nil {
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

func (w *writer) model(keys []entry, tensors []tensor) {
	w.put(uint32(fileMagic), uint32(3), uint64(len(tensors)), uint64(len(keys)))
	for _, k := range keys {
		w.str(k.key)
		w.value(k.value)
	}
	offset := int64(0)
	for _, t := range tensors {
		w.describe(t, offset)
		offset = padded(offset + t.bytes())
	}
	w.pad()
	for _, t := range tensors {
		w.tensor(t)
		w.pad()
	}
}

func (w *writer) value(v any) {
	switch v := v.(type) {
	case bool:
		w.put(uint32(typeBool), v)
	case uint32:
		w.put(uint32(typeU32), v)
	case float32:
		w.put(uint32(typeF32), v)
	case string:
		w.put(uint32(typeString))
		w.str(v)
	case []int32:
		w.put(uint32(typeArray), uint32(typeI32), uint64(len(v)), v)
	case []string:
		w.put(uint32(typeArray), uint32(typeString), uint64(len(v)))
		for _, s := range v {
			w.str(s)
		}
	default:
		w.fail(fmt.Errorf("no metadata is a %T", v))
	}
}

// describe says what a tensor is and where it lies; the format counts the row first.
func (w *writer) describe(t tensor, offset int64) {
	w.str(t.name)
	w.put(uint32(len(t.shape)))
	for i := len(t.shape) - 1; i >= 0; i-- {
		w.put(uint64(t.shape[i]))
	}
	kind := uint32(tensorF16)
	if t.exact {
		kind = tensorF32
	}
	w.put(kind, uint64(offset))
}

func (t tensor) bytes() int64 {
	if t.exact {
		return 4 * int64(len(t.data))
	}
	return 2 * int64(len(t.data))
}

func (w *writer) tensor(t tensor) {
	if t.exact {
		w.put(t.data)
		return
	}
	halves := make([]uint16, len(t.data))
	for i, x := range t.data {
		halves[i] = half(x)
	}
	w.put(halves)
}

func padded(n int64) int64 { return (n + alignment - 1) / alignment * alignment }

func (w *writer) pad() { w.put(make([]byte, padded(w.n)-w.n)) }

func (w *writer) str(s string) { w.put(uint64(len(s)), []byte(s)) }

func (w *writer) put(values ...any) {
	for _, v := range values {
		b, err := binary.Append(nil, binary.LittleEndian, v)
		w.fail(err)
		n, err := w.w.Write(b)
		w.fail(err)
		w.n += int64(n)
	}
}

func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// half rounds to a 16-bit float, to the nearest, ties to even.
func half(x float32) uint16 {
	sign := uint16(math.Float32bits(x) >> 16 & 0x8000)
	a := math.Abs(float64(x))
	switch {
	case math.IsNaN(a):
		return sign | 0x7e00
	case a >= 65520: // rounds to infinity
		return sign | 0x7c00
	case a < 0x1p-14: // subnormal: multiples of 2^-24
		return sign | uint16(math.RoundToEven(a*0x1p24))
	}
	frac, exp := math.Frexp(a)                        // a = frac·2^exp, 0.5 ≤ frac < 1
	mantissa := uint16(math.RoundToEven(frac * 2048)) // 1024 to 2048; 2048 carries into the exponent
	return sign | uint16(exp+13)<<10 + mantissa
}
