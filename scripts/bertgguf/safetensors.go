package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
)

// weight is one tensor, the last dimension being the row.
type weight struct {
	shape []int
	data  []float32
}

// parseSafetensors reads a file of 32-bit floats: the length of a JSON header,
// the header, the data. Names lose the prefix of the whole model, and norms get
// the names of today. Tensors of other types are left out.
// Source: https://github.com/huggingface/safetensors#format
func parseSafetensors(b []byte) (map[string]weight, error) {
	if len(b) < 8 {
		return nil, errors.New("it is cut")
	}
	n := binary.LittleEndian.Uint64(b)
	if n > uint64(len(b)-8) {
		return nil, errors.New("its header is cut")
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(b[8:8+n], &header); err != nil {
		return nil, err
	}
	out := map[string]weight{}
	for name, raw := range header {
		if name == "__metadata__" {
			continue
		}
		w, err := parseWeight(raw, b[8+n:])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if w.data != nil {
			out[plainName(name)] = w
		}
	}
	return out, nil
}

func parseWeight(raw json.RawMessage, data []byte) (w weight, err error) {
	var d struct {
		Type    string `json:"dtype"`
		Shape   []int
		Offsets [2]uint64 `json:"data_offsets"`
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return w, err
	}
	if d.Type != "F32" {
		return w, nil
	}
	from, to := d.Offsets[0], d.Offsets[1]
	if from > to || to > uint64(len(data)) {
		return w, errors.New("its data is cut")
	}
	size := uint64(4)
	for _, dim := range d.Shape {
		if dim < 1 || size > to/uint64(dim) {
			return w, fmt.Errorf("its shape is %v", d.Shape)
		}
		size *= uint64(dim)
	}
	if size != to-from {
		return w, fmt.Errorf("its shape %v doesn't fit its %d bytes", d.Shape, to-from)
	}
	w = weight{d.Shape, make([]float32, size/4)}
	for i := range w.data {
		w.data[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[from+4*uint64(i):]))
	}
	return w, nil
}

func plainName(name string) string {
	name = strings.TrimPrefix(name, "bert.")
	if norm, ok := strings.CutSuffix(name, ".gamma"); ok {
		return norm + ".weight"
	}
	if norm, ok := strings.CutSuffix(name, ".beta"); ok {
		return norm + ".bias"
	}
	return name
}
