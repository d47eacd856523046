package blobs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/moltbot/moltbot/kvcache"
)

// A file is a header, padded with zeros to pages, and the payload. Numbers are
// little-endian. The header's sum covers all of it that follows the sum, so no
// bit of a file is outside of the two sums but those that name the format.
//
//	 0 magic "MBKV"          4 version u32
//	 8 CRC32-C of [12, size) 12 size of the header u32, whole pages
//	16 payload bytes u64     24 CRC32-C of the payload u32
//	28 from u32              32 whole u32
//	36 identity bytes u32    40 key bytes u32    44 tokens u32
//	48 identity, key, tokens (u32 each), zeros
const (
	magic   = "MBKV"
	version = 1
	fixed   = 48
	page    = 4096
	// maxHeader bounds what a broken size can make us read: millions of tokens.
	maxHeader = 64 << 20
)

// Castagnoli's polynomial has an instruction on the processors of today.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type header struct {
	size     int64 // of the payload, bytes
	sum      uint32
	whole    kvcache.Pos
	identity []byte
	entry    kvcache.Entry
}

func pages(n int) int { return (n + page - 1) / page * page }

// encode returns the header's whole pages.
func (h header) encode() []byte {
	tokens := h.entry.Tokens
	b := make([]byte, pages(fixed+len(h.identity)+len(h.entry.Key)+4*len(tokens)))
	le := binary.LittleEndian
	copy(b, magic)
	le.PutUint32(b[4:], version)
	le.PutUint32(b[12:], uint32(len(b)))
	le.PutUint64(b[16:], uint64(h.size))
	le.PutUint32(b[24:], h.sum)
	le.PutUint32(b[28:], uint32(h.entry.From))
	le.PutUint32(b[32:], uint32(h.whole))
	le.PutUint32(b[36:], uint32(len(h.identity)))
	le.PutUint32(b[40:], uint32(len(h.entry.Key)))
	le.PutUint32(b[44:], uint32(len(tokens)))
	at := fixed + copy(b[fixed:], h.identity)
	at += copy(b[at:], h.entry.Key)
	for i, t := range tokens {
		le.PutUint32(b[at+4*i:], uint32(t))
	}
	le.PutUint32(b[8:], crc32.Checksum(b[12:], castagnoli))
	return b
}

// headerSize tells from the first bytes of a file how long its header is.
func headerSize(b []byte) (int, error) {
	le := binary.LittleEndian
	switch {
	case len(b) < fixed:
		return 0, fmt.Errorf("%d bytes are no header", len(b))
	case string(b[:4]) != magic:
		return 0, fmt.Errorf("it begins with %q, not with %q", b[:4], magic)
	case le.Uint32(b[4:]) != version:
		return 0, fmt.Errorf("version %d of the format, want %d", le.Uint32(b[4:]), version)
	}
	n := le.Uint32(b[12:])
	if n == 0 || n%page != 0 || n > maxHeader {
		return 0, fmt.Errorf("a header of %d bytes", n)
	}
	return int(n), nil
}

// parseHeader reads what encode wrote and checks that it makes sense.
func parseHeader(b []byte) (header, error) {
	n, err := headerSize(b)
	if err != nil {
		return header{}, err
	}
	le := binary.LittleEndian
	if len(b) != n || le.Uint32(b[8:]) != crc32.Checksum(b[12:], castagnoli) {
		return header{}, fmt.Errorf("the header's sum is wrong")
	}
	identity, key, tokens := uint64(le.Uint32(b[36:])), uint64(le.Uint32(b[40:])), uint64(le.Uint32(b[44:]))
	if fixed+identity+key+4*tokens > uint64(n) {
		return header{}, fmt.Errorf("the header is longer than it says")
	}
	rest := b[fixed:]
	h := header{
		size: int64(le.Uint64(b[16:])), sum: le.Uint32(b[24:]),
		whole:    kvcache.Pos(le.Uint32(b[32:])),
		identity: bytes.Clone(rest[:identity]),
		entry: kvcache.Entry{
			Key:    kvcache.Key(rest[identity : identity+key]),
			Tokens: make([]kvcache.Token, tokens),
			From:   kvcache.Pos(le.Uint32(b[28:])),
		},
	}
	for i := range h.entry.Tokens {
		h.entry.Tokens[i] = kvcache.Token(le.Uint32(rest[identity+key+4*uint64(i):]))
	}
	return h, h.check()
}

func (h header) check() error {
	to := kvcache.Pos(len(h.entry.Tokens))
	switch e := h.entry; {
	case h.size <= 0:
		return fmt.Errorf("a payload of %d bytes", h.size)
	case e.From < 0 || e.From >= to:
		return fmt.Errorf("tokens from %d to %d", e.From, to)
	case h.whole < 0 || h.whole > to:
		return fmt.Errorf("whole from %d of %d", h.whole, to)
	}
	for i, t := range h.entry.Tokens {
		if t < 0 {
			return fmt.Errorf("token %d is %d", i, t)
		}
	}
	return nil
}
