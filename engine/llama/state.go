//go:build cgo

package llama

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	cllama "github.com/moltbot/moltbot/cgo/llama"
	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/kvcache"
)

// A blob is a run of tokens in pieces, each a state of llama.cpp. So a part of
// a blob is loaded without cells for all of it, and no piece is longer than a
// sliding window, which would be cut out of its state. Little-endian:
//
//	0 "MBST"  4 pieces u32  8 identity, first 8 bytes  16 CRC32-C of the table u32
//	20 the table: for each piece from, to, first, last, bytes, CRC32-C, 4 bytes each
//
// and the states, one after the other. first and last are the positions that
// llama.cpp tells of the piece: those of the sliding-window layers, where there are any.
const (
	stateMagic = "MBST"
	stateFixed = 20
	pieceSize  = 24
	// longest is how many tokens a piece has at most: what may be read for
	// nothing at each end of a part.
	longest = 256
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type piece struct {
	from, to    engine.Pos
	first, last cllama.Pos // -1: none
	bytes       uint32
	sum         uint32
}

// probe learns from the state of sequence 0, which holds one token, whether
// window layers are kept apart, and the identity: the token's keys and values
// are what every layer but the end of the last one computed, so another model,
// library, number format or rotary embedding shows in some bit. Neither a hash
// of the file (seconds per gigabyte at each start) nor one of its metadata
// (the same for two fine-tunes of one model) would do that.
func (b *backend) probe() error {
	state := make([]byte, b.ctx.SeqSize(0))
	if _, err := b.ctx.SeqGet(state, 0); err != nil {
		return err
	}
	b.piece = longest
	if b.ctx.WindowSize(0) < len(state) {
		b.window = engine.Pos(b.model.SWA() - 1)
		b.piece = min(longest, b.window+1)
	}
	b.shape.Window, b.shape.CellBytes = int(b.window), len(state)
	h := sha256.New()
	fmt.Fprintln(h, cllama.Version(), b.model.Desc(), b.model.Size(), b.model.Params())
	h.Write(state)
	h.Sum(b.identity[:0])
	return nil
}

// Identity names all that a blob's bytes depend on; the number of cells,
// sequences and threads is not part of it. Nil where nothing can be saved.
func (b *backend) Identity() []byte {
	if b.states {
		return nil
	}
	return b.identity[:]
}

// Window returns how many tokens a sliding window reaches back; 0: every layer attends to all.
func (b *backend) Window() engine.Pos { return b.window }

// Fork lets the empty dst share the first n tokens of src. What sliding-window
// layers hold is copied: cells that two sequences share are not given up when
// the windows have passed, and a few forks would fill their small cache.
func (b *backend) Fork(src, dst engine.SeqID, n engine.Pos) {
	if b.states {
		panic("llama: a recurrent memory can't be shared")
	}
	b.mem.SeqCp(cllama.SeqID(src), cllama.SeqID(dst), 0, cllama.Pos(n))
	if b.window == 0 || b.sharedWindow {
		return
	}
	if err := b.ownWindow(cllama.SeqID(dst)); err != nil { // no room: sharing is right, though costly
		b.mem.SeqRm(cllama.SeqID(dst), -1, -1)
		b.mem.SeqCp(cllama.SeqID(src), cllama.SeqID(dst), 0, cllama.Pos(n))
	}
}

func (b *backend) ownWindow(seq cllama.SeqID) error {
	if n := b.ctx.WindowSize(seq); n > len(b.scratch) {
		b.scratch = make([]byte, n)
	}
	n, err := b.ctx.WindowGet(b.scratch, seq)
	if err != nil {
		return err
	}
	return b.ctx.WindowSet(b.scratch[:n], seq)
}

// SaveSize returns the bytes that Save needs for tokens [from, to) of a sequence.
func (b *backend) SaveSize(seq engine.SeqID, from, to engine.Pos) int {
	if b.states {
		return 0
	}
	defer b.mem.SeqRm(b.spare, -1, -1)
	pieces := b.cut(from, to)
	size := stateFixed + len(pieces)*pieceSize
	for _, p := range pieces {
		b.lend(seq, p)
		size += b.ctx.SeqSize(b.spare)
	}
	return size
}

// Save copies tokens [from, to) of a sequence into buf, which must be as long
// as SaveSize says. It returns the bytes written, and from which position on
// the sliding-window layers are in it as well: 0 where there are none.
func (b *backend) Save(buf []byte, seq engine.SeqID, from, to engine.Pos) (n int, whole engine.Pos, err error) {
	if last := b.mem.SeqPosMax(cllama.SeqID(seq)); b.states || from < 0 || from >= to || engine.Pos(last) < to-1 {
		return 0, 0, fmt.Errorf("llama: save tokens %d to %d of sequence %d, which ends at %d: %w", from, to, seq, last, cllama.ErrInvalid)
	}
	defer b.mem.SeqRm(b.spare, -1, -1)
	pieces := b.cut(from, to)
	n = stateFixed + len(pieces)*pieceSize
	if len(buf) < n {
		return 0, 0, fmt.Errorf("llama: save %d pieces into %d bytes: %w", len(pieces), len(buf), cllama.ErrInvalid)
	}
	for i := range pieces {
		if err := b.savePiece(buf[n:], seq, &pieces[i]); err != nil {
			return 0, 0, err
		}
		n += int(pieces[i].bytes)
	}
	b.writeTable(buf, pieces)
	return n, b.whole(pieces), nil
}

func (b *backend) savePiece(buf []byte, seq engine.SeqID, p *piece) error {
	b.lend(seq, *p)
	n, err := b.ctx.SeqGet(buf, b.spare)
	if err != nil {
		return err
	}
	p.first, p.last = b.mem.SeqPosMin(b.spare), b.mem.SeqPosMax(b.spare)
	p.bytes, p.sum = uint32(n), crc32.Checksum(buf[:n], castagnoli)
	return nil
}

// lend lets the spare sequence share one piece, and nothing else.
func (b *backend) lend(seq engine.SeqID, p piece) {
	b.mem.SeqRm(b.spare, -1, -1)
	b.mem.SeqCp(cllama.SeqID(seq), b.spare, cllama.Pos(p.from), cllama.Pos(p.to))
}

func (b *backend) cut(from, to engine.Pos) []piece {
	var pieces []piece
	for ; from < to; from += b.piece {
		pieces = append(pieces, piece{from: from, to: min(to, from+b.piece)})
	}
	return pieces
}

// whole returns the end of the last gap in what the window layers hold.
func (b *backend) whole(pieces []piece) engine.Pos {
	if b.window == 0 {
		return 0
	}
	whole := pieces[0].from
	for _, p := range pieces {
		switch {
		case p.first < 0 || engine.Pos(p.last) != p.to-1:
			whole = p.to
		case engine.Pos(p.first) > p.from:
			whole = engine.Pos(p.first)
		}
	}
	return whole
}

func (b *backend) writeTable(buf []byte, pieces []piece) {
	le := binary.LittleEndian
	copy(buf, stateMagic)
	le.PutUint32(buf[4:], uint32(len(pieces)))
	copy(buf[8:16], b.identity[:])
	table := buf[stateFixed:][:len(pieces)*pieceSize]
	for i, p := range pieces {
		for j, v := range []uint32{uint32(p.from), uint32(p.to), uint32(p.first), uint32(p.last), p.bytes, p.sum} {
			le.PutUint32(table[i*pieceSize+4*j:], v)
		}
	}
	le.PutUint32(buf[16:], crc32.Checksum(table, castagnoli))
}

// Load appends tokens [from, to) of a blob to a sequence, which holds [0, from).
// After an error the sequence ends at from; where that is a kvcache.ErrNoCells
// its window may have moved on: ask CanResume. Errors: kvcache.ErrNoCells, no
// room for it now; kvcache.ErrLost, it isn't what Save wrote for this model.
func (b *backend) Load(buf []byte, seq engine.SeqID, from, to engine.Pos) error {
	states, pieces, err := b.find(buf, from, to)
	if err != nil {
		return fmt.Errorf("llama: load tokens %d to %d: %w: %w", from, to, kvcache.ErrLost, err)
	}
	defer b.mem.SeqRm(b.spare, -1, -1)
	for i, p := range pieces {
		if err := b.loadPiece(states[i], p); err != nil {
			b.mem.SeqRm(cllama.SeqID(seq), cllama.Pos(from), -1)
			return fmt.Errorf("llama: load tokens %d to %d: %w", from, to, err)
		}
		b.mem.SeqCp(b.spare, cllama.SeqID(seq), cllama.Pos(max(from, p.from)), cllama.Pos(min(to, p.to)))
		b.mem.SeqRm(b.spare, -1, -1)
	}
	return nil
}

// loadPiece reads a checked state into the spare sequence. llama.cpp can refuse
// it for nothing but a lack of cells.
func (b *backend) loadPiece(state []byte, p piece) error {
	if err := b.ctx.SeqSet(state, b.spare); err != nil {
		return fmt.Errorf("%w: %w", kvcache.ErrNoCells, err)
	}
	if first, last := b.mem.SeqPosMin(b.spare), b.mem.SeqPosMax(b.spare); first != p.first || last != p.last {
		return fmt.Errorf("%w: positions %d to %d were restored, want %d to %d", kvcache.ErrLost, first, last, p.first, p.last)
	}
	return nil
}

// find returns the pieces that hold [from, to), and their states. No byte
// reaches llama.cpp that Save didn't write for this identity: its reader
// allocates whatever a state says and ends the process on some.
func (b *backend) find(buf []byte, from, to engine.Pos) (states [][]byte, pieces []piece, err error) {
	all, err := b.readTable(buf)
	if err != nil {
		return nil, nil, err
	}
	next, rest := from, buf[stateFixed+len(all)*pieceSize:]
	for _, p := range all {
		if int(p.bytes) > len(rest) {
			return nil, nil, fmt.Errorf("the states end early")
		}
		state := rest[:p.bytes]
		rest = rest[p.bytes:]
		if p.from > next || p.to <= next || next >= to {
			continue
		}
		if crc32.Checksum(state, castagnoli) != p.sum {
			return nil, nil, fmt.Errorf("the sum of tokens %d to %d is wrong", p.from, p.to)
		}
		states, pieces, next = append(states, state), append(pieces, p), p.to
	}
	if next < to || from >= to {
		return nil, nil, fmt.Errorf("it holds tokens up to %d", next)
	}
	return states, pieces, nil
}

func (b *backend) readTable(buf []byte) ([]piece, error) {
	le := binary.LittleEndian
	if len(buf) < stateFixed || string(buf[:4]) != stateMagic || string(buf[8:16]) != string(b.identity[:8]) || b.states {
		return nil, fmt.Errorf("it was not saved by this model and library")
	}
	n := int64(le.Uint32(buf[4:]))
	if n*pieceSize > int64(len(buf)-stateFixed) {
		return nil, fmt.Errorf("the table ends early")
	}
	table := buf[stateFixed:][:n*pieceSize]
	if crc32.Checksum(table, castagnoli) != le.Uint32(buf[16:]) {
		return nil, fmt.Errorf("the table's sum is wrong")
	}
	pieces := make([]piece, n)
	for i := range pieces {
		at := func(j int) uint32 { return le.Uint32(table[i*pieceSize+4*j:]) }
		pieces[i] = piece{engine.Pos(at(0)), engine.Pos(at(1)), cllama.Pos(at(2)), cllama.Pos(at(3)), at(4), at(5)}
	}
	return pieces, nil
}
