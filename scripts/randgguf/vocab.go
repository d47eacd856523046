package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// vocab is the tokenizer of a model, as the entries lie in its file.
type vocab struct {
	size int    // tokens
	keys int    // entries
	raw  []byte // the entries: key, type and value, one after another
}

// Of the format: types of metadata values.
const (
	typeU32    = 4
	typeF32    = 6
	typeString = 8
	typeArray  = 9
)

// sizes are the bytes of a number by its type.
var sizes = map[uint32]int64{0: 1, 1: 1, 2: 2, 3: 2, typeU32: 4, 5: 4, typeF32: 4, 7: 1, 10: 8, 11: 8, 12: 8}

// tokensKey is the list whose length is the vocabulary's.
const tokensKey = "tokenizer.ggml.tokens"

// readVocab copies the entries whose keys begin with "tokenizer." from a GGUF file.
func readVocab(path string) (vocab, error) {
	file, err := os.Open(path)
	if err != nil {
		return vocab{}, err
	}
	defer file.Close()
	e := &entries{r: bufio.NewReaderSize(file, 1<<16)}
	v, err := e.vocab()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return v, errors.New("the file is truncated")
	}
	return v, err
}

// entries reads a header entry by entry. What it reads stays in seen until it is reset.
type entries struct {
	r    *bufio.Reader
	seen bytes.Buffer
	err  error // the first; after it all reads return zero
}

func (e *entries) vocab() (v vocab, err error) {
	if magic, version := e.u32(), e.u32(); e.err == nil && (magic != fileMagic || version < 2 || version > 3) {
		return v, errors.New("it is not a GGUF file of version 2 or 3")
	}
	e.u64() // tensors
	for n := e.u64(); n > 0 && e.err == nil; n-- {
		e.seen.Reset()
		key := e.str()
		length := e.value()
		if strings.HasPrefix(key, "tokenizer.") {
			v.keys++
			v.raw = append(v.raw, e.seen.Bytes()...)
		}
		if key == tokensKey {
			v.size = int(length)
		}
	}
	if e.err == nil && v.size == 0 {
		e.err = errors.New("it has none")
	}
	return v, e.err
}

// take reads n bytes. Memory grows with what is there, not with what is claimed.
func (e *entries) take(n uint64) []byte {
	if e.err != nil {
		return nil
	}
	if n > 1<<32 {
		e.err = fmt.Errorf("a value claims %d bytes", n)
		return nil
	}
	from := e.seen.Len()
	_, e.err = io.CopyN(&e.seen, e.r, int64(n))
	if e.err != nil {
		return nil
	}
	return e.seen.Bytes()[from:]
}

func (e *entries) u32() uint32 {
	if b := e.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (e *entries) u64() uint64 {
	if b := e.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (e *entries) str() string { return string(e.take(e.u64())) }

// value reads a value and returns the elements of an array.
func (e *entries) value() (length uint64) {
	switch kind := e.u32(); kind {
	case typeString:
		e.str()
	case typeArray:
		elem := e.u32()
		length = e.u64()
		e.array(elem, length)
	default:
		e.take(e.sizeOf(kind))
	}
	return length
}

func (e *entries) array(elem uint32, length uint64) {
	if elem != typeString {
		e.take(min(length, 1<<40) * e.sizeOf(elem))
		return
	}
	for ; length > 0 && e.err == nil; length-- {
		e.str()
	}
}

func (e *entries) sizeOf(kind uint32) uint64 {
	size, known := sizes[kind]
	if !known && e.err == nil {
		e.err = fmt.Errorf("a value has the unknown type %d", kind)
	}
	return uint64(size)
}
