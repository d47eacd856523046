package gguf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/bits"
)

// decoder reads little-endian values. After the first error all reads return zero.
type decoder struct {
	r    *bufio.Reader
	pos  int64 // bytes read
	size int64 // bytes of the file
	err  error
	buf  [8]byte
}

func newDecoder(r io.ReaderAt, size int64) *decoder {
	return &decoder{r: bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 1<<16), size: size}
}

func (d *decoder) fail(format string, a ...any) {
	if d.err == nil {
		d.err = bad(format, a...)
	}
}

// has tells whether n more bytes are there; it fails when not, so that nothing
// is allocated for what a count merely claims.
func (d *decoder) has(n uint64) bool {
	if d.err == nil && n > uint64(d.size-d.pos) {
		d.fail("truncated: its header goes on after byte %d, the end", d.size)
	}
	return d.err == nil
}

func (d *decoder) fill(b []byte) {
	if !d.has(uint64(len(b))) {
		clear(b)
		return
	}
	n, err := io.ReadFull(d.r, b)
	d.pos += int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		d.fail("truncated: it became shorter while it was read")
	} else if err != nil {
		d.err = err
	}
}

// bytes returns n bytes; the caller bounds n.
func (d *decoder) bytes(n uint64) []byte {
	if !d.has(n) {
		return nil
	}
	b := make([]byte, n)
	d.fill(b)
	return b
}

func (d *decoder) u32() uint32 {
	d.fill(d.buf[:4])
	return binary.LittleEndian.Uint32(d.buf[:])
}

func (d *decoder) u64() uint64 {
	d.fill(d.buf[:8])
	return binary.LittleEndian.Uint64(d.buf[:])
}

// str reads a string of at most limit bytes.
func (d *decoder) str(limit uint64) string {
	n := d.u64()
	if d.err == nil && n > limit {
		d.fail("a string near byte %d claims %d bytes", d.pos, n)
	}
	return string(d.bytes(n))
}

// value reads a metadata value. Of arrays only what the rules look at is kept.
func (d *decoder) value(key string) Value {
	v := Value{Type: ValueType(d.u32())}
	switch {
	case v.Type == Array:
		d.array(key, &v)
	case v.Type == String:
		v.str = d.str(maxString)
	default:
		v.bits = d.number(v.Type)
	}
	if d.err == nil && v.Type == Bool && v.bits > 1 {
		d.fail("the metadata key %q is a truth value of %d", clip(key), v.bits)
	}
	return v
}

func (d *decoder) array(key string, v *Value) {
	v.Elem, v.Len = ValueType(d.u32()), d.u64()
	least := v.Elem.size()
	if v.Elem == String {
		least = 8
	}
	if d.err == nil && (least == 0 || v.Len > maxArray) {
		d.fail("the metadata key %q is an array of %d elements of type %d", clip(key), v.Len, v.Elem)
	}
	if hi, n := bits.Mul64(v.Len, least); hi != 0 || !d.has(n) {
		return
	}
	for range v.Len {
		if v.Elem == String {
			d.element(key, v, d.str(maxString))
		} else if n := d.number(v.Elem); keptNumbers(key, v.Len) {
			v.nums = append(v.nums, n)
		}
		if d.err != nil {
			return
		}
	}
}

// element keeps a string of an array when it is a token.
func (d *decoder) element(key string, v *Value, s string) {
	if key == keyTokens {
		v.strs = append(v.strs, s)
	}
}

// keptNumbers: values per layer and the types of tokens are looked at; scores are not.
func keptNumbers(key string, n uint64) bool { return n <= 1024 || key == keyTokenTypes }

// number reads a number of that type as its bits, sign-extended to 64.
func (d *decoder) number(t ValueType) uint64 {
	size := t.size()
	if size == 0 {
		d.fail("a metadata value near byte %d has the unknown type %d", d.pos, t)
		return 0
	}
	d.fill(d.buf[:size])
	b := d.buf[:]
	switch t {
	case U8, Bool:
		return uint64(b[0])
	case I8:
		return uint64(int8(b[0]))
	case U16:
		return uint64(binary.LittleEndian.Uint16(b))
	case I16:
		return uint64(int16(binary.LittleEndian.Uint16(b)))
	case U32, F32:
		return uint64(binary.LittleEndian.Uint32(b))
	case I32:
		return uint64(int32(binary.LittleEndian.Uint32(b)))
	default:
		return binary.LittleEndian.Uint64(b)
	}
}

// tensor reads one tensor's description.
func (d *decoder) tensor() Tensor {
	t := Tensor{Name: d.str(maxName)}
	dims := d.u32()
	if d.err == nil && (dims < 1 || dims > maxDims) {
		d.fail("tensor %q has %d dimensions", clip(t.Name), dims)
	}
	for i := uint32(0); i < dims && d.err == nil; i++ {
		t.Dims = append(t.Dims, int64(d.u64()))
	}
	t.Type, t.Offset = TensorType(d.u32()), int64(d.u64())
	if d.err == nil {
		t.Bytes, d.err = t.bytes()
	}
	return t
}

// bytes computes the size of the tensor's data.
func (t Tensor) bytes() (int64, error) {
	l, ok := layouts[t.Type]
	if !ok {
		return 0, bad("tensor %q has the unknown type %d", clip(t.Name), t.Type)
	}
	n := uint64(1)
	for _, dim := range t.Dims {
		hi, lo := bits.Mul64(n, uint64(dim))
		if dim < 1 || hi != 0 || lo > math.MaxInt64/512 {
			return 0, bad("tensor %q has the impossible shape %v", clip(t.Name), t.Dims)
		}
		n = lo
	}
	if t.Dims[0]%l.block != 0 {
		return 0, bad("tensor %q has rows of %d, no multiple of %d", clip(t.Name), t.Dims[0], l.block)
	}
	return int64(n) / l.block * l.bytes, nil
}
