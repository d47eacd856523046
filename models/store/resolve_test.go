package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// dataWith makes a data folder with these files in models.
func dataWith(t *testing.T, files ...string) string {
	t.Helper()
	data := t.TempDir()
	for _, name := range files {
		writeFile(t, filepath.Join(Dir(data), name), "GGUF")
	}
	return data
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestResolveFinds(t *testing.T) {
	data := dataWith(t, smollm2().File, "mine.gguf")
	own := filepath.Join(t.TempDir(), "own.bin")
	writeFile(t, own, "GGUF")
	for _, c := range []struct{ rule, name, want string }{
		{"a known name means its file in the data folder", "smollm2", filepath.Join(Dir(data), smollm2().File)},
		{"a path means itself", own, own},
		{"a file name means the file in the data folder", "mine.gguf", filepath.Join(Dir(data), "mine.gguf")},
		{"the extension may be left out", "mine", filepath.Join(Dir(data), "mine.gguf")},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got, err := Resolve(c.name, data); err != nil || got != c.want {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestResolveExplains(t *testing.T) {
	data := dataWith(t, "mine.gguf")
	for _, c := range []struct{ rule, name, want string }{
		{"a known model that isn't there", "smollm2", "model smollm2 isn't fetched yet: " + filepath.Join(Dir(data), smollm2().File) + " isn't there"},
		{"a slip of the pen", "smolm2", `no model or file is named "smolm2", did you mean "smollm2"? (there are: smollm2, gemma3-270m, mine; or the path of a GGUF file)`},
		{"a name like nothing else", "zzz", `no model or file is named "zzz" (there are: smollm2, gemma3-270m, mine; or the path of a GGUF file)`},
		{"a path that leads nowhere isn't looked for elsewhere", "./nowhere/mine.gguf", "model file: stat ./nowhere/mine.gguf: no such file or directory"},
		{"a folder", data, "model " + data + " is a folder, not a GGUF file"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if _, err := Resolve(c.name, data); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestAMissingModelCanBePulled(t *testing.T) {
	_, err := Resolve("gemma3-270m", t.TempDir())
	missing, ok := errors.AsType[*MissingError](err)
	if !ok || missing.Spec.SHA256 != gemma3().SHA256 {
		t.Errorf("got %v, want a *MissingError with the model's spec", err)
	}
}
