package gguf

import (
	"fmt"
	"path/filepath"
	"slices"
)

// Model is what a checked file says of itself.
type Model struct {
	Path     string
	Arch     string // "llama", "gemma3", …
	Name     string // as its author calls it; may be empty
	Format   string // of most of its bytes: "Q4_1"
	Layers   int
	Context  int     // tokens that it was trained for
	Vocab    int     // tokens
	Width    int     // of an embedding
	Window   int     // tokens that a sliding-window layer attends to; 0 when there are none
	Template bool    // it brings a chat template
	Pooling  Pooling // what an encoder does
	Weights  int64   // bytes of all tensors, in all parts
	Parts    int     // files
	layers   []layer
	reads    reads
	shapes   map[string][]int64 // of all tensors, by name
}

// layer is what memory depends on.
type layer struct {
	k, v   int64 // numbers in a cell
	window bool  // it attends to Window tokens only
}

// Check reads the file's header and returns what it says, or why llama.cpp
// can't load it: truncated, corrupt, not a model that writes text, parts
// missing. It doesn't read the weights. Errors: ErrFile, or of the file system.
func Check(path string) (*Model, error) { return check(path, checkWrites) }

// CheckEncoder does the same for a model that turns texts into vectors or ranks them.
func CheckEncoder(path string) (*Model, error) { return check(path, checkPools) }

func check(path string, kind func(*File) error) (*Model, error) {
	f, err := open(path)
	if err != nil {
		return nil, named(path, err)
	}
	m, err := f.model(kind)
	if err != nil {
		return nil, named(path, err)
	}
	m.Path = path
	if err := m.addParts(f, path); err != nil {
		return nil, named(path, err)
	}
	return m, nil
}

// named says which file an error is about; errors of the file system say so themselves.
func named(path string, err error) error {
	return fmt.Errorf("model file %s: %w", filepath.Base(path), err)
}

// model applies the rules and draws the summary.
func (f *File) model(kind func(*File) error) (*Model, error) {
	for _, rule := range []func(*File) error{checkArch, kind, checkSizes, checkExperts, checkRope, checkNorm, checkTokens, checkTypes} {
		if err := rule(f); err != nil {
			return nil, err
		}
	}
	m := &Model{
		Arch:    f.Meta[keyArch].Str(),
		Name:    f.Meta["general.name"].Str(),
		Layers:  int(f.arch("block_count").Int()),
		Context: int(f.arch("context_length").Int()),
		Width:   int(f.arch("embedding_length").Int()),
		Vocab:   f.vocab(),
		Pooling: Pooling(f.arch("pooling_type").Int()),
		Parts:   1,
	}
	_, m.Template = f.Meta["tokenizer.chat_template"]
	m.Format = f.format()
	m.Weights = f.weights()
	m.reads.count(f, f)
	m.layers, m.Window = f.layers()
	m.shapes = map[string][]int64{}
	m.addShapes(f)
	return m, nil
}

func (m *Model) addShapes(f *File) {
	for _, t := range f.Tensors {
		m.shapes[t.Name] = t.Dims
	}
}

// Matrices lists the names of the tensors of two dimensions, in order.
func (m *Model) Matrices() (names []string) {
	for name, dims := range m.shapes {
		if len(dims) == 2 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Shape returns the columns and rows of a matrix; 0 when there is none.
func (m *Model) Shape(matrix string) (cols, rows int64) {
	if dims := m.shapes[matrix]; len(dims) == 2 {
		return dims[0], dims[1]
	}
	return 0, 0
}

// arch returns a metadata value of the model's architecture.
func (f *File) arch(key string) Value { return f.Meta[f.Meta[keyArch].Str()+"."+key] }

// archOr returns an integer of the architecture, or a default when it isn't there.
func (f *File) archOr(key string, otherwise int64) int64 {
	if v, ok := f.Meta[f.Meta[keyArch].Str()+"."+key]; ok {
		return v.Int()
	}
	return otherwise
}

// vocab is the length of the token list, or of the embedding table without one.
func (f *File) vocab() int {
	if v, ok := f.Meta[keyTokens]; ok {
		return int(v.Len)
	}
	for _, t := range f.Tensors {
		if t.Name == "token_embd.weight" && len(t.Dims) > 1 {
			return int(t.Dims[1])
		}
	}
	return 0
}

func (f *File) weights() (n int64) {
	for _, t := range f.Tensors {
		n += t.Bytes
	}
	return n
}

// format names the tensor type of the most bytes.
func (f *File) format() string {
	bytes := map[TensorType]int64{}
	most := TensorType(0)
	for _, t := range f.Tensors {
		bytes[t.Type] += t.Bytes
		if bytes[t.Type] > bytes[most] {
			most = t.Type
		}
	}
	return most.String()
}
