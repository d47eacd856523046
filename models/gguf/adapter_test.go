package gguf

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// patched is a model with a matrix that adapters change.
func patched(t *testing.T) *Model {
	t.Helper()
	m, err := parse(tiny().add("blk.0.attn_q.weight", 0, 32, 64).bytes())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// lora is an adapter of rank 4 for patched.
func lora() *draft {
	d := &draft{magic: "GGUF", version: 3, meta: []pair{
		{"general.architecture", "llama"},
		{"general.type", "adapter"},
		{"adapter.type", "lora"},
		{"adapter.lora.alpha", float32(8)},
	}}
	return d.add("blk.0.attn_q.weight.lora_a", 0, 32, 4).add("blk.0.attn_q.weight.lora_b", 0, 4, 64)
}

func TestAdapterIsCheckedAgainstItsModel(t *testing.T) {
	for _, c := range []struct {
		rule    string
		adapter *draft
		want    string // of the error; "": none
	}{
		{"an adapter of the model is taken", lora(), ""},
		{"the token embedding's halves are the other way round", lora().add("token_embd.weight.lora_a", 0, 4, 4).add("token_embd.weight.lora_b", 0, 4, 32), ""},
		{"a model is no adapter", tiny(), "it is no adapter"},
		{"another kind of adapter", lora().set("adapter.type", "control_vector"), `of the type "control_vector"`},
		{"an adapter of another architecture", lora().set("general.architecture", "qwen2"), `architecture "qwen2", this one is "llama"`},
		{"an adapter that waits for some tokens", lora().set("adapter.alora.invocation_tokens", []int32{1}), "aLoRA"},
		{"a tensor that the model has not", lora().add("blk.9.attn_q.weight.lora_a", 0, 32, 4).add("blk.9.attn_q.weight.lora_b", 0, 4, 64), `"blk.9.attn_q.weight", which the model has not`},
		{"half an adapter", lora().add("token_embd.weight.lora_a", 0, 4, 4), `"token_embd.weight" lacks one half`},
		{"another width", lora().add("token_embd.weight.lora_a", 0, 4, 5).add("token_embd.weight.lora_b", 0, 4, 32), "another shape"},
		{"two ranks", lora().add("token_embd.weight.lora_a", 0, 4, 4).add("token_embd.weight.lora_b", 0, 8, 32), "another shape"},
		{"a norm, which llama.cpp would leave out", lora().add("output_norm.weight", 0, 32), "would leave out"},
		{"a tensor of its own", lora().add("output.weight", 0, 32), "no part of a LoRA adapter"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.gguf")
			if err := os.WriteFile(path, c.adapter.bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			a, err := patched(t).CheckAdapter(path)
			switch {
			case c.want == "" && (err != nil || a.Rank != 4 || a.Bytes == 0):
				t.Errorf("got %+v, %v", a, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

func FuzzAdapter(f *testing.F) {
	f.Add(lora().bytes())
	m, err := parse(tiny().add("blk.0.attn_q.weight", 0, 32, 64).bytes())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if file, err := read(bytes.NewReader(b), int64(len(b))); err == nil {
			a, err := m.adapter(file)
			if err == nil && (a.Rank < 1 || a.Bytes < 1) {
				t.Errorf("got %+v", a)
			}
		}
	})
}

func TestNeedFollowsFormatsAndWindows(t *testing.T) {
	m := &Model{Window: 512, layers: []layer{{k: 64, v: 64}, {k: 64, v: 64, window: true}}}
	use := Use{Cells: 8192, Seqs: 4, Rows: 256}
	for _, c := range []struct {
		rule string
		with func(*Use)
		want int64
	}{
		{"16 bits a number, windows apart", func(*Use) {}, 256 * (8192 + 2304)},
		{"windows as large as the rest", func(u *Use) { u.SWAFull = true }, 256 * 2 * 8192},
		{"K and V have formats of their own", func(u *Use) { u.K, u.V = 34./32, 18./32 }, (68 + 36) * (8192 + 2304)},
	} {
		t.Run(c.rule, func(t *testing.T) {
			u := use
			c.with(&u)
			if got := m.Need(u).KV; got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}
