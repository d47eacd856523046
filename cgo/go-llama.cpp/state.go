package llama

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	native "github.com/moltbot/moltbot/cgo/llama"
)

// magic begins a state file; a checksum of the rest and a gob of state follow.
const magic = "moltbot state 1\n"

// ErrState: the file is no state, is damaged, or is one of another model.
var ErrState = errors.New("not a state of this model")

// state is what a context holds.
type state struct {
	Model  string
	Tokens []native.Token
	Cells  []byte // as llama.cpp writes a sequence
}

// SaveState writes what the context holds to a file, whole or not at all.
func (l *LLama) SaveState(dst string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mem == nil {
		return ErrFreed
	}
	return l.save(dst)
}

// LoadState reads what SaveState wrote. The next prompt that begins with the
// same text need not compute it; an empty one goes on from there.
func (l *LLama) LoadState(src string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mem == nil {
		return ErrFreed
	}
	return l.load(src)
}

// loadCache reads the prompt cache, where there is one.
func (l *LLama) loadCache(po PredictOptions) error {
	if po.PathPromptCache == "" {
		return nil
	}
	if err := l.load(po.PathPromptCache); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// storeCache writes the prompt cache, where it is wanted.
func (l *LLama) storeCache(po PredictOptions) error {
	if po.PathPromptCache == "" || po.PromptCacheRO {
		return nil
	}
	return l.save(po.PathPromptCache)
}

// identity names what a state fits: the model and its KV cells.
func (l *LLama) identity() string {
	return fmt.Sprintf("%s, %d bytes, 16 bits: %v", l.model.Desc(), l.model.Size(), l.opts.F16Memory)
}

func (l *LLama) save(dst string) error {
	s, err := l.mem.state()
	if err != nil {
		return fmt.Errorf("save state %s: %w", dst, err)
	}
	s.Model = l.identity()
	data, err := s.encode()
	if err != nil {
		return fmt.Errorf("save state %s: %w", dst, err)
	}
	return replace(dst, data)
}

// replace writes a file under another name first.
func replace(dst string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(dst), ".state-*")
	if err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	defer os.Remove(tmp.Name()) // gone already when all went well
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	return os.Rename(tmp.Name(), dst)
}

func (l *LLama) load(src string) error {
	data, err := os.ReadFile(src)
	if err != nil {
		return fmt.Errorf("load state: %w", err)
	}
	s, err := decodeState(data)
	if err != nil {
		return fmt.Errorf("load state %s: %w", src, err)
	}
	if s.Model != l.identity() || len(s.Tokens) > l.mem.ctx.NCtx() {
		return fmt.Errorf("load state %s of %d tokens by %s: %w", src, len(s.Tokens), s.Model, ErrState)
	}
	return l.mem.restore(s)
}

// state copies the sequence.
func (m *memory) state() (state, error) {
	s := state{Tokens: slices.Clone(m.past)}
	if len(s.Tokens) == 0 {
		return s, nil
	}
	s.Cells = make([]byte, m.ctx.SeqSize(0))
	n, err := m.ctx.SeqGet(s.Cells, 0)
	s.Cells = s.Cells[:n]
	return s, err
}

// restore makes the sequence what a state says. After an error it is empty.
func (m *memory) restore(s state) error {
	m.truncate(0)
	m.resume = false
	if len(s.Tokens) == 0 {
		return nil
	}
	if err := m.ctx.SeqSet(s.Cells, 0); err != nil {
		return err
	}
	m.past, m.resume = s.Tokens, true
	return nil
}

func (s state) encode() ([]byte, error) {
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(s); err != nil {
		return nil, err
	}
	head := binary.LittleEndian.AppendUint32([]byte(magic), crc32.ChecksumIEEE(body.Bytes()))
	return append(head, body.Bytes()...), nil
}

func decodeState(data []byte) (s state, err error) {
	rest, ok := bytes.CutPrefix(data, []byte(magic))
	if !ok || len(rest) < 4 {
		return s, ErrState
	}
	if binary.LittleEndian.Uint32(rest) != crc32.ChecksumIEEE(rest[4:]) {
		return s, fmt.Errorf("damaged: %w", ErrState)
	}
	if err := gob.NewDecoder(bytes.NewReader(rest[4:])).Decode(&s); err != nil {
		return s, fmt.Errorf("%w: %w", ErrState, err)
	}
	return s, nil
}
