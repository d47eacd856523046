package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/moltbot/moltbot/models/gguf"
)

const alignment = 32 // bytes, of the header and of each tensor

// GGUF's numbers of value types.
const (
	typeF32    = 6
	typeString = 8
)

// tensor is half of a change: rows of columns, drawn with that size.
type tensor struct {
	name       string
	cols, rows int64
	std        float64
}

// adapter is the file in the making.
type adapter struct {
	arch    string
	alpha   float32
	seed    uint64
	tensors []tensor
}

// newAdapter chooses the tensors. A has the size 1 over the root of its width, so
// that A x is as large as x; B is as large as the change that is asked for.
func newAdapter(o order) (*adapter, error) {
	m, err := gguf.Check(o.model)
	if err != nil {
		return nil, err
	}
	a := &adapter{arch: m.Arch, alpha: float32(o.rank), seed: o.seed}
	for _, name := range m.Matrices() {
		if !slices.ContainsFunc(o.endings, func(end string) bool { return strings.HasSuffix(name, end) }) {
			continue
		}
		cols, rows := m.Shape(name)
		a.tensors = append(a.tensors,
			tensor{name + ".lora_a", cols, int64(o.rank), 1 / math.Sqrt(float64(cols))},
			tensor{name + ".lora_b", int64(o.rank), rows, o.strength})
	}
	if len(a.tensors) == 0 {
		return nil, fmt.Errorf("no tensor of %s ends with any of %s", o.model, strings.Join(o.endings, ", "))
	}
	return a, nil
}

// write writes the file.
func (a *adapter) write(to io.Writer) error {
	var head bytes.Buffer
	put(&head, []byte("GGUF"), uint32(3), uint64(len(a.tensors)), uint64(4))
	for _, pair := range [][2]string{{"general.architecture", a.arch}, {"general.type", "adapter"}, {"adapter.type", "lora"}} {
		put(&head, text(pair[0]), uint32(typeString), text(pair[1]))
	}
	put(&head, text("adapter.lora.alpha"), uint32(typeF32), a.alpha)
	offset := int64(0)
	for _, t := range a.tensors {
		put(&head, text(t.name), uint32(2), uint64(t.cols), uint64(t.rows), uint32(0), uint64(offset))
		offset = padded(offset + 4*t.cols*t.rows)
	}
	put(&head, make([]byte, padded(int64(head.Len()))-int64(head.Len())))
	w := bufio.NewWriter(to)
	_, err := w.Write(head.Bytes())
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(a.seed, 0))
	for _, t := range a.tensors {
		if err := t.write(w, random); err != nil {
			return err
		}
	}
	return w.Flush()
}

func (t tensor) write(w io.Writer, random *rand.Rand) error {
	size := 4 * t.cols * t.rows
	b := make([]byte, 0, padded(size))
	for range t.cols * t.rows {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(random.NormFloat64()*t.std)))
	}
	_, err := w.Write(b[:padded(size)])
	return err
}

func padded(n int64) int64 { return (n + alignment - 1) / alignment * alignment }

// text is a string as GGUF writes it.
func text(s string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(s))), s...)
}

func put(b *bytes.Buffer, values ...any) {
	for _, v := range values {
		if err := binary.Write(b, binary.LittleEndian, v); err != nil {
			panic(err) // a type that has no fixed size
		}
	}
}
