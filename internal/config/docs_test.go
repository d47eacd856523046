package config

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of docs/configuration.md anew")

const (
	manual     = "../../docs/configuration.md"
	tableStart = "<!-- keys: written by go test ./internal/config -update -->\n"
	tableEnd   = "<!-- end of keys -->\n"
)

func TestTheManualListsEveryKey(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", "/home/ada/.local/share")
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(text), tableStart)
	_, after, ok := strings.Cut(rest, tableEnd)
	if !ok {
		t.Fatalf("%s has lost the marks around its table", manual)
	}
	want := before + tableStart + table() + tableEnd + after
	if *update {
		if err := os.WriteFile(manual, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(text) != want {
		t.Errorf("%s is out of date: run go test ./internal/config -update", manual)
	}
}

// table is one row per key, as the struct's tags tell it.
func table() string {
	var b strings.Builder
	b.WriteString("| Key | Default | Values | Meaning |\n|---|---|---|---|\n")
	cfg := Default()
	for _, f := range fields(&cfg) {
		def := "empty"
		if text := format(f.value); text != "" {
			def = "`" + text + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.key, def, values(f), f.tag.Get("doc"))
	}
	return b.String()
}

func values(f field) string {
	if names := f.choices(); names != nil {
		return "`" + strings.Join(names, "`, `") + "`"
	}
	least, ok := f.limit("min")
	most, _ := f.limit("max")
	switch {
	case ok && f.allowsZero():
		return fmt.Sprintf("%s to %s; 0: %s", format(least), format(most), f.tag.Get("zero"))
	case ok:
		return fmt.Sprintf("%s to %s", format(least), format(most))
	}
	return map[string]string{"bool": "`true`, `false`", "Address": "host:port", "Path": "a path", "Prompts": "a list of files and requests", "Shares": "a list of numbers", "Endpoints": "a list of host:port", "Adapters": "a list of objects", "string": "text"}[f.value.Type().Name()]
}

func TestTheManualListsTheOtherVariables(t *testing.T) {
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range elsewhere {
		if !strings.Contains(string(text), "| `"+name+"` |") {
			t.Errorf("%s is not in %s", name, manual)
		}
	}
}

func TestEveryKeyIsExplained(t *testing.T) {
	cfg := Default()
	for _, f := range fields(&cfg) {
		if f.tag.Get("doc") == "" || values(f) == "" {
			t.Errorf("%s lacks its doc or its values", f.key)
		}
		for _, bound := range []string{"min", "max"} {
			if _, given := f.tag.Lookup(bound); given {
				if _, ok := f.limit(bound); !ok {
					t.Errorf("%s: its %s does not parse", f.key, bound)
				}
			}
		}
		if err := f.check(f.value); err != nil {
			t.Errorf("%s: its default is refused: %v", f.key, err)
		}
	}
}
