package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/moltbot/moltbot/models/gguf"
)

// words is a tiny vocabulary among entries that are none of it.
func words() []byte {
	var b bytes.Buffer
	w := newWriter(&b)
	w.put(uint32(fileMagic), uint32(3), uint64(0), uint64(5))
	for _, e := range []entry{{"general.architecture", "other"}, {"tokenizer.ggml.model", "llama"}} {
		w.str(e.key)
		w.value(e.value)
	}
	w.str("other.rope.freq_base")
	w.value(float32(1))
	w.str(tokensKey)
	w.put(uint32(typeArray), uint32(typeString), uint64(4))
	for _, token := range []string{"<s>", "a", "", "d"} {
		w.str(token)
	}
	w.str("tokenizer.ggml.scores")
	w.put(uint32(typeArray), uint32(typeF32), uint64(4), [4]float32{1, 2, 3, 4})
	_ = w.w.Flush() // into memory
	return b.Bytes()
}

// ask runs a command line with a vocabulary and a file to write, and returns that file's path.
func ask(t *testing.T, line string) (path string, err error) {
	t.Helper()
	dir := t.TempDir()
	from := filepath.Join(dir, "words.gguf")
	if err := os.WriteFile(from, words(), 0o644); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "random.gguf")
	err = run(append(strings.Fields(line), "-vocab", from, "-out", path), io.Discard)
	left, _ := filepath.Glob(filepath.Join(dir, "*.part"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return path, err
}

const tiny = "-layers 3 -embd 512 -heads 4 -kv-heads 2 -ff 768 -ctx 256 "

func TestTheFileIsAModelOfThatShape(t *testing.T) {
	for line, want := range map[string]gguf.Model{
		tiny + "-type q4_0":                      {Format: "Q4_0", Layers: 3, Width: 512, Context: 256},
		tiny + "-type q4_k":                      {Format: "Q4_K", Layers: 3, Width: 512, Context: 256},
		"-shape 135m -layers 1 -embd 288 -ff 64": {Format: "Q4_0", Layers: 1, Width: 288, Context: 8192},
	} {
		path, err := ask(t, line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		got, err := gguf.Check(path)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if got.Format != want.Format || got.Layers != want.Layers || got.Width != want.Width || got.Context != want.Context ||
			got.Vocab != 4 || got.Arch != "llama" || got.Template {
			t.Errorf("%s: got %+v", line, got)
		}
	}
}

func TestTheKVCacheOfTheFileIsThatOfTheShape(t *testing.T) {
	path, err := ask(t, tiny)
	if err != nil {
		t.Fatal(err)
	}
	m, err := gguf.Check(path)
	if err != nil {
		t.Fatal(err)
	}
	const cell = 3 * 2 * (2 * 128) * 2 // layers · keys and values · width of two heads · bytes
	if got := m.Need(gguf.Use{Cells: 256, Seqs: 1, Rows: 1}).KV; got != 256*cell {
		t.Errorf("256 cells take %d bytes, want %d", got, 256*cell)
	}
}

func TestEqualOrdersMakeEqualFiles(t *testing.T) {
	file := func(line string) []byte {
		path, err := ask(t, line)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	first := file(tiny + "-seed 7")
	if !bytes.Equal(first, file(tiny+"-seed 7")) {
		t.Error("the same seed gave another file")
	}
	if bytes.Equal(first, file(tiny+"-seed 8")) {
		t.Error("another seed gave the same file")
	}
}

func TestWhatCannotBeWrittenIsRefused(t *testing.T) {
	for _, c := range []struct{ rule, line, want string }{
		{"an unknown shape", "-shape 6b", "there are 135m, 1b, 3b, 7b, 8b, 14b"},
		{"no shape at all", "", "name a shape"},
		{"an unknown type", tiny + "-type q5_k", "there are q4_0 and q4_k"},
		{"heads that don't divide the width", tiny + "-heads 3", "can't be split into 3 heads"},
		{"heads of odd size", tiny + "-embd 32 -heads 32", "can't be split"},
		{"keys that don't divide the heads", tiny + "-kv-heads 3", "can't be split"},
		{"a width that the blocks don't divide", "-shape 135m -type q4_k", "packs 256 weights together"},
		{"a negative size", tiny + "-layers -1", "all positive"},
		{"words after the flags", tiny + "more", "nothing but flags"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			path, err := ask(t, c.line)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
			if _, err := os.Stat(path); err == nil {
				t.Error("a file was written all the same")
			}
		})
	}
}

func TestPresetsCanBePacked(t *testing.T) {
	for _, p := range presets {
		if err := p.check(formats[0]); err != nil {
			t.Errorf("%s as q4_0: %v", p.name, err)
		}
		if err := p.check(formats[1]); (err == nil) != (p.name != "135m") {
			t.Errorf("%s as q4_k: %v", p.name, err)
		}
	}
}

func TestTheTokenizerIsCopiedAndNothingElse(t *testing.T) {
	source := words()
	path := filepath.Join(t.TempDir(), "words.gguf")
	if err := os.WriteFile(path, source, 0o644); err != nil {
		t.Fatal(err)
	}
	v, err := readVocab(path)
	if err != nil || v.size != 4 || v.keys != 3 {
		t.Fatalf("got %d tokens in %d entries, %v", v.size, v.keys, err)
	}
	at := func(key string) int { return bytes.Index(source, []byte(key)) - 8 } // its length lies before it
	if want := slices.Concat(source[at("tokenizer.ggml.model"):at("other.rope")], source[at(tokensKey):]); !bytes.Equal(v.raw, want) {
		t.Errorf("got  %q\nwant %q", v.raw, want)
	}
}

func TestAVocabularyThatIsCutOrBentIsRefused(t *testing.T) {
	whole := words()
	rapid.Check(t, func(r *rapid.T) {
		cut := rapid.IntRange(0, len(whole)-1).Draw(r, "cut")
		path := filepath.Join(t.TempDir(), "words.gguf")
		if err := os.WriteFile(path, whole[:cut], 0o644); err != nil {
			r.Fatal(err)
		}
		if _, err := readVocab(path); err == nil {
			r.Fatalf("%d of %d bytes were taken", cut, len(whole))
		}
	})
	for _, c := range []struct {
		rule, old, new string
	}{
		{"another kind of file", "GGUF", "GGML"},
		{"an unknown type", tokensKey + "\x09", tokensKey + "\x63"},
		{"a length that can't be", "\x03\x00\x00\x00\x00\x00\x00\x00<s>", "\x03\x00\x00\x00\x00\x00\x00\x7f<s>"},
		{"no tokens", "tokenizer.ggml.tokens", "tokenizer.ggml.tokans"},
	} {
		path := filepath.Join(t.TempDir(), "words.gguf")
		bent := bytes.Replace(whole, []byte(c.old), []byte(c.new), 1)
		if bytes.Equal(bent, whole) {
			t.Fatalf("%s: %q is not in the file", c.rule, c.old)
		}
		if err := os.WriteFile(path, bent, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := readVocab(path); err == nil {
			t.Errorf("%s was taken", c.rule)
		}
	}
}
