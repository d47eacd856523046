package gguf

import (
	"slices"
	"strings"
)

// Adapter is what a checked LoRA adapter says of itself.
type Adapter struct {
	Path  string
	Rank  int   // the largest of its tensors
	Bytes int64 // of all tensors
}

// CheckAdapter reads the header of a LoRA adapter and holds it against its
// model: the architecture, and the tensors in name and shape, as
// llama_adapter_lora_init does later. Errors: ErrFile, or of the file system.
func (m *Model) CheckAdapter(path string) (*Adapter, error) {
	f, err := open(path)
	if err != nil {
		return nil, named(path, err)
	}
	a, err := m.adapter(f)
	if err != nil {
		return nil, named(path, err)
	}
	a.Path = path
	return a, nil
}

func (m *Model) adapter(f *File) (*Adapter, error) {
	arch, kind := f.Meta[keyArch].Str(), f.Meta["adapter.type"].Str()
	switch {
	case f.Meta["general.type"].Str() != "adapter":
		return nil, bad("it is no adapter but of the type %q", clip(f.Meta["general.type"].Str()))
	case kind != "lora":
		return nil, bad("it is an adapter of the type %q, and lora can be used", clip(kind))
	case arch != m.Arch:
		return nil, bad("it is for models of the architecture %q, this one is %q", clip(arch), m.Arch)
	}
	if _, alora := f.Meta["adapter.alora.invocation_tokens"]; alora {
		return nil, bad("it counts from some tokens on (aLoRA), which can't be used")
	}
	a := &Adapter{Bytes: f.weights()}
	for _, t := range f.Tensors {
		if err := m.fits(f, t); err != nil {
			return nil, err
		}
		if strings.HasSuffix(t.Name, loraA) {
			a.Rank = max(a.Rank, int(t.Dims[1]))
		}
	}
	return a, nil
}

const loraA, loraB = ".lora_a", ".lora_b"

// fits checks a tensor of an adapter: its other half is there, and both go with
// the model's tensor of that name.
func (m *Model) fits(f *File, t Tensor) error {
	name, isA := strings.CutSuffix(t.Name, loraA)
	if !isA {
		var isB bool
		if name, isB = strings.CutSuffix(t.Name, loraB); !isB && !strings.HasSuffix(t.Name, "_norm.weight") {
			return bad("its tensor %q is no part of a LoRA adapter", clip(t.Name))
		} else if !isB {
			return bad("it changes the norm %q, which llama.cpp would leave out", clip(t.Name))
		}
	}
	a, hasA := f.tensor(name + loraA)
	b, hasB := f.tensor(name + loraB)
	base, there := m.shapes[name]
	switch {
	case !hasA || !hasB:
		return bad("its tensor %q lacks one half", clip(name))
	case !there:
		return bad("it changes the tensor %q, which the model has not", clip(name))
	case !matches(name, base, a.Dims, b.Dims):
		return bad("its tensor %q has another shape than the model's: it is for another model", clip(name))
	}
	return nil
}

// matches tells whether A and B multiply to the model's tensor. The token
// embedding's are the other way round (llama_adapter_lora_init_impl).
func matches(name string, base, a, b []int64) bool {
	if len(base) < 2 || len(a) < 2 || len(b) < 2 {
		return false
	}
	if strings.HasSuffix(name, "token_embd.weight") {
		return base[0] == b[1] && base[1] == a[1] && a[0] == b[0]
	}
	return base[0] == a[0] && base[1] == b[1] && a[1] == b[0] && slices.Equal(base[2:], b[2:])
}

func (f *File) tensor(name string) (Tensor, bool) {
	i := slices.IndexFunc(f.Tensors, func(t Tensor) bool { return t.Name == name })
	if i < 0 {
		return Tensor{}, false
	}
	return f.Tensors[i], true
}
