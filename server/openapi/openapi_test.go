package openapi_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/moltbot/moltbot/server/openapi"
)

// described returns the description and the names of all properties of its schemas.
func described(t *testing.T) (document map[string]any, names map[string]bool) {
	t.Helper()
	b, err := openapi.Description("1.2.3")
	if err == nil {
		err = json.Unmarshal(b, &document)
	}
	if err != nil {
		t.Fatal(err)
	}
	names = map[string]bool{}
	collect(document, names)
	return document, names
}

func collect(v any, names map[string]bool) {
	switch v := v.(type) {
	case []any:
		for _, inner := range v {
			collect(inner, names)
		}
	case map[string]any:
		properties, _ := v["properties"].(map[string]any)
		for name := range properties {
			names[name] = true
		}
		for _, inner := range v {
			collect(inner, names)
		}
	}
}

// literals visits the string literals of the wire's code, each with the call or
// the composite that it stands in first.
func literals(t *testing.T, visit func(text string, within ast.Node)) {
	t.Helper()
	files, err := filepath.Glob("../openai/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				visitFirst(n.Args, n, visit)
			case *ast.CompositeLit:
				visitFirst(n.Elts, n, visit)
			case *ast.Field:
				if n.Tag != nil {
					visitTag(n, visit)
				}
			}
			return true
		})
	}
}

func visitFirst(all []ast.Expr, within ast.Node, visit func(string, ast.Node)) {
	if len(all) == 0 {
		return
	}
	if l, ok := all[0].(*ast.BasicLit); ok && l.Kind == token.STRING {
		if text, err := strconv.Unquote(l.Value); err == nil {
			visit(text, within)
		}
	}
}

func visitTag(f *ast.Field, visit func(string, ast.Node)) {
	_, rest, ok := strings.Cut(f.Tag.Value, `json:"`)
	name, _, _ := strings.Cut(rest, `"`)
	if name, _, _ = strings.Cut(name, ","); ok && name != "" {
		visit(name, f)
	}
}

// reads tells whether a call reads a field of a body, by its name.
func reads(n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	f, ok := call.Fun.(*ast.SelectorExpr)
	return ok && (f.Sel.Name == "get" || f.Sel.Name == "need")
}

// refuses tells whether a composite is an entry of a table of refusals.
func refuses(n ast.Node) bool {
	c, ok := n.(*ast.CompositeLit)
	return ok && c.Type == nil && len(c.Elts) == 2
}

// kept are fields of documents in the store, which no client sees.
var kept = []string{"response", "previous", "completion", "messages", "output", "input"}

func TestEachFieldOfTheWireIsDescribed(t *testing.T) {
	_, names := described(t)
	seen := map[string]bool{}
	literals(t, func(text string, within ast.Node) {
		_, written := within.(*ast.Field)
		if reads(within) || refuses(within) || written && !slices.Contains(kept, text) {
			seen[text] = true
		}
	})
	if len(seen) < 100 {
		t.Fatalf("only %d fields were found", len(seen))
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		if !names[name] {
			t.Errorf("the description has no field %q", name)
		}
	}
}

func TestEachPartIsUsed(t *testing.T) {
	document, _ := described(t)
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	components := document["components"].(map[string]any)
	delete(components, "securitySchemes")
	for kind, all := range components {
		for name := range all.(map[string]any) {
			if !strings.Contains(string(text), `"#/components/`+kind+`/`+name+`"`) {
				t.Errorf("nothing refers to %s/%s", kind, name)
			}
		}
	}
}

func TestTheVersionIsThatOfTheProgram(t *testing.T) {
	document, _ := described(t)
	if got := document["info"].(map[string]any)["version"]; got != "1.2.3" {
		t.Errorf("got %v", got)
	}
}
