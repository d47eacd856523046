package gguf

import "math"

// ValueType is the type of a metadata value.
type ValueType uint32

// The types of metadata values, as the format numbers them.
const (
	U8 ValueType = iota
	I8
	U16
	I16
	U32
	I32
	F32
	Bool
	String
	Array
	U64
	I64
	F64
)

// size returns the bytes of a number; 0 when the type isn't one.
func (t ValueType) size() uint64 {
	switch t {
	case U8, I8, Bool:
		return 1
	case U16, I16:
		return 2
	case U32, I32, F32:
		return 4
	case U64, I64, F64:
		return 8
	}
	return 0
}

// Value is one metadata value.
type Value struct {
	Type ValueType
	Elem ValueType // of an array
	Len  uint64    // of an array, in elements
	bits uint64
	str  string
	nums []uint64 // of an array of numbers that is looked at
	strs []string // of the token list
}

// Int returns an integer or truth value; 0 when it is something else.
func (v Value) Int() int64 {
	if v.Type == F32 || v.Type == F64 {
		return 0
	}
	return int64(v.bits)
}

// Float returns a float; NaN when it is something else.
func (v Value) Float() float64 {
	switch v.Type {
	case F32:
		return float64(math.Float32frombits(uint32(v.bits)))
	case F64:
		return math.Float64frombits(v.bits)
	}
	return math.NaN()
}

// Str returns a string; "" when it is something else.
func (v Value) Str() string { return v.str }

// perLayer returns one integer for each layer, from an array or a single value.
func (v Value) perLayer(layers int) []int64 {
	out := make([]int64, layers)
	for i := range out {
		if v.Type != Array {
			out[i] = v.Int()
		} else if i < len(v.nums) {
			out[i] = int64(v.nums[i])
		}
	}
	return out
}
