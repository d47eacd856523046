package config

import (
	"fmt"
	"strings"
)

// Sources says where to look, from the weakest to the strongest.
type Sources struct {
	File  string   // path of a YAML file; empty: none
	Env   []string // "NAME=value", as os.Environ gives it
	Flags []Flag
}

// Flag is a value given on the command line.
type Flag struct{ Name, Key, Value string } // "ctx", "model.ctx", "4096"

// Loaded is the configuration in force.
type Loaded struct {
	Config
	origins map[string]string // by key: "config.yaml:7", "MOLTBOT_MODEL_CTX" or "--ctx"
}

// Origin tells where the value of a key came from: "default", "file:line", a
// variable's name or a flag.
func (l *Loaded) Origin(key string) string {
	if at, ok := l.origins[key]; ok {
		return at
	}
	return "default"
}

// loader gathers the layers of one Load.
type loader struct {
	*Loaded
	fields   []field
	problems Problems
}

// Load lays flags over environment over file over defaults. Errors: Problems
// with everything that is wrong, or why the file can't be read.
func Load(src Sources) (*Loaded, error) {
	l := &loader{Loaded: &Loaded{Config: Default(), origins: map[string]string{}}}
	l.fields = fields(&l.Config)
	if err := l.readFile(src.File); err != nil {
		return nil, err
	}
	l.readEnv(src.Env)
	l.readFlags(src.Flags)
	l.checkWhole()
	if l.problems != nil {
		return nil, l.problems
	}
	return l.Loaded, nil
}

func (l *loader) readFlags(flags []Flag) {
	for _, f := range flags {
		at := "--" + f.Name
		target, ok := l.find(f.Key)
		if !ok {
			l.problems.add(at, "unknown key '%s'", f.Key)
			continue
		}
		l.set(target, f.Value, at, at)
	}
}

func (l *loader) find(key string) (field, bool) {
	for _, f := range l.fields {
		if f.key == key {
			return f, true
		}
	}
	return field{}, false
}

// set stores a value; at is the place for a complaint, origin the place to remember.
func (l *loader) set(f field, text, at, origin string) {
	if err := f.set(text); err != nil {
		l.problems.add(at, "%s: %v", f.key, err)
		return
	}
	l.origins[f.key] = origin
}

// checkWhole holds the values against each other, and the defaults that depend on the machine.
func (l *loader) checkWhole() {
	for _, f := range l.fields {
		if _, set := l.origins[f.key]; !set && f.check(f.value) != nil {
			l.problems.add(f.key, "has no value here: set it in the file, as %s or by flag", f.env())
		}
	}
	m := l.Config.Model
	if m.KVCells != 0 && m.KVCells < m.Ctx {
		l.conflict("model.kv_cells", "model.ctx", fmt.Sprintf("%d is less than ctx, which is %d", m.KVCells, m.Ctx))
	}
	if m.Draft != "" && !m.Drafts {
		l.conflict("model.draft", "model.drafts", "a draft model is of no use without drafts, which drafts turns off")
	}
	l.checkAttention(m)
	l.checkSplit(m)
}

// checkAttention refuses what llama.cpp can't compute: quantised values without flash attention.
func (l *loader) checkAttention(m Model) {
	v := m.KVTypeOfV()
	if m.FlashAttention != "off" || !strings.HasPrefix(v, "q") {
		return
	}
	key := "model.kv_type"
	if m.KVTypeV != "same" {
		key = "model.kv_type_v"
	}
	l.conflict(key, "model.flash_attention", fmt.Sprintf("values of %s need flash attention, which flash_attention turns off", v))
}

// checkSplit refuses settings that their split mode would not look at.
func (l *loader) checkSplit(m Model) {
	if m.SplitMode == "none" && m.TensorSplit != "" {
		l.conflict("model.tensor_split", "model.split_mode", "split_mode none puts the model on one device, main_gpu")
	}
	if m.SplitMode != "none" && m.MainGPU != 0 {
		l.conflict("model.main_gpu", "model.split_mode", "it counts with split_mode none alone, which is "+m.SplitMode)
	}
	if m.SplitMode == "tensor" && m.FlashAttention == "off" {
		l.conflict("model.split_mode", "model.flash_attention", "tensor needs flash attention, which flash_attention turns off")
	}
}

// conflict complains at whichever of the two was set, key first.
func (l *loader) conflict(key, other, text string) {
	at := l.Origin(key)
	if at == "default" {
		at = l.Origin(other)
	}
	l.problems.add(at, "%s: %s", key, text)
}

// names lists the last parts of the keys in a section ("" is the top), sections too.
func (l *loader) names(section string) (names []string) {
	for _, f := range l.fields {
		rest, ok := strings.CutPrefix(f.key, section)
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(rest, ".")
		if len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
	}
	return names
}
