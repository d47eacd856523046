package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// anyText is what a string key may hold, with the characters that YAML treats specially.
var anyText = rapid.OneOf(
	rapid.SampledFrom([]string{"true", "~", "null", "0x10", "1e3", "- a", "a: b", "# c", "a #b", "'", `"`, "&a", "*a", "!!int 3", "|", ">", "%", "@", "`", " lead", "trail ", "1:30", "2001-01-01", "...", "---", "<<", "é", "\u2028", "\ufeff", "{", "[", "?", "="}),
	rapid.StringOf(rapid.Rune()),
).Filter(func(s string) bool { return plain(s) == nil && !strings.HasPrefix(s, "~/") })

// anyValue draws the text of a value that the field accepts.
func anyValue(t *rapid.T, f field) string {
	switch {
	case f.choices() != nil:
		return rapid.SampledFrom(f.choices()).Draw(t, f.key)
	case f.value.Kind() == reflect.Bool:
		return rapid.SampledFrom([]string{"true", "false"}).Draw(t, f.key)
	case f.value.CanInt():
		least, _ := f.limit("min")
		most, _ := f.limit("max")
		v := reflect.New(f.value.Type()).Elem()
		v.SetInt(rapid.Int64Range(least.Int(), most.Int()).Draw(t, f.key))
		return format(v)
	case f.key == "cache.prewarm":
		return rapid.SampledFrom([]string{"", "a.md,b", `["a,b.md",{"messages":[]}]`}).Draw(t, f.key)
	case f.key == "model.tensor_split":
		return rapid.SampledFrom([]string{"", "3, 1", "[0.5, 2]"}).Draw(t, f.key)
	case f.key == "model.rpc":
		return rapid.SampledFrom([]string{"", "10.0.0.2:50052, [::1]:80", `["gpu-box:50052"]`}).Draw(t, f.key)
	case f.key == "model.adapters":
		return rapid.SampledFrom([]string{"", `[{"name": "a", "path": "a.gguf"}, {"name": "b", "path": "b.gguf", "scale": -0.5}]`}).Draw(t, f.key)
	case f.key == "server.listen":
		return rapid.SampledFrom([]string{":0", "[::1]:80", "*:8080", "localhost:65535"}).Draw(t, f.key)
	}
	return anyText.Filter(func(s string) bool { return f.tag.Get("required") == "" || s != "" }).Draw(t, f.key)
}

func TestWhatConfigPrintsItLoads(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	rapid.Check(t, func(t *rapid.T) {
		want := &Loaded{Config: Default(), origins: map[string]string{}}
		for _, f := range fields(&want.Config) {
			if err := f.set(anyValue(t, f)); err != nil {
				t.Fatalf("%s: %v", f.key, err)
			}
			want.origins[f.key] = anyText.Draw(t, "origin")
		}
		agree(&want.Model)
		got, err := Load(Sources{File: saved(t, file, want)})
		if err != nil {
			t.Fatal(err)
		}
		if got.Config != want.Config {
			t.Fatalf("got  %+v\nwant %+v", got.Config, want.Config)
		}
	})
}

// agree mends values that don't go together.
func agree(m *Model) {
	m.KVCells = max(m.KVCells, m.Ctx)
	m.Drafts = m.Drafts || m.Draft != ""
	if m.FlashAttention == "off" {
		m.KVType, m.KVTypeV, m.SplitMode = "f16", "same", "layer"
	}
	if m.SplitMode == "none" {
		m.TensorSplit = ""
	} else {
		m.MainGPU = 0
	}
}

func saved(t *rapid.T, name string, l *Loaded) string {
	var text strings.Builder
	if err := l.WriteYAML(&text); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestEachValueIsPrintedWithItsOrigin(t *testing.T) {
	l, err := Load(Sources{
		File:  write(t, "server:\n  body_limit: 1048576B\n"),
		Env:   []string{"MOLTBOT_LOG_LEVEL=debug"},
		Flags: []Flag{{Name: "alias", Key: "model.alias", Value: "123"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := l.WriteYAML(&text); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"server:\n  listen: 127.0.0.1:8080 # default\n",
		"  body_limit: 1MiB # config.yaml:2\n",
		"  level: debug # MOLTBOT_LOG_LEVEL\n",
		"  alias: \"123\" # --alias\n",
		"  parallel: 16 # default\n",
	} {
		if !strings.Contains(text.String(), line) {
			t.Errorf("want the line %q in\n%s", line, &text)
		}
	}
}

func FuzzFile(f *testing.F) {
	for _, seed := range []string{"", "model:\n  ctx: 64\n", "a: &a [*a]\n", "<<: {model: 1}\n", "? [x]\n: y\n", "log: !!binary aGk=\n", "- 1\n", "model: {ctx: !!float 1}\n", "\x00", "%YAML 1.1\n---\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l := &loader{Loaded: &Loaded{Config: Default(), origins: map[string]string{}}}
		l.fields = fields(&l.Config)
		l.readYAML("config.yaml", text)
		for _, p := range l.problems {
			if !strings.HasPrefix(p.At, "config.yaml") || p.Text == "" {
				t.Errorf("a complaint without its place: %+v", p)
			}
		}
		for key, origin := range l.origins {
			if !strings.HasPrefix(origin, "config.yaml:") {
				t.Errorf("%s comes from %q", key, origin)
			}
		}
	})
}
