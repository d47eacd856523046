// Package arrows holds the map of the house: who may import whom.
package arrows

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/moltbot/moltbot/"

// mayImport names, for each package, the packages of the house that it may
// import. A trailing "..." covers what lies below. Below engine nothing points
// up, and batching and kvcache know the standard library alone.
var mayImport = map[string]string{
	"batching":                    "",
	"batching/sim":                "batching",
	"kvcache":                     "",
	"engine/sample":               "kvcache engine/sample/rows",
	"engine/sample/rows":          "",
	"engine/text":                 "",
	"engine/chat":                 "engine/constrain",
	"engine":                      "batching kvcache engine/blobs engine/constrain engine/draft engine/sample engine/text",
	"engine/blobs":                "kvcache",
	"engine/draft":                "kvcache",
	"engine/embed":                "engine",
	"engine/enginetest":           "batching engine engine/... kvcache models",
	"engine/constrain":            "kvcache",
	"engine/guidance":             "engine/constrain cgo/guidance",
	"engine/llama":                "engine engine/chat engine/embed engine/constrain engine/guidance kvcache cgo/...",
	"cgo/llama":                   "cgo/panels",
	"cgo/panels":                  "",
	"cgo/guidance":                "",
	"cgo/chat":                    "cgo/llama",
	"models":                      "engine engine/... kvcache models/...",
	"models/gguf":                 "",
	"models/store":                "internal/spelling",
	"models/gpu":                  "",
	"models/rpc":                  "",
	"server":                      "models engine engine/... kvcache server/... internal/...",
	"server/openai":               "batching models engine engine/... kvcache server internal/...",
	"server/openai/responsestore": "",
	"server/malformed":            "",
	"server/openapi":              "",
	"server/openapi/openapitest":  "",
	"bench/...":                   "bench/... models/gpu",
	"bench/kernel":                "batching engine engine/sample",
	"bench/forecast":              "batching batching/sim engine kvcache",
	"bench/load":                  "",
	"bench/stats":                 "",
	"bench/workload":              "bench/load",
	"bench/measure":               "bench/load bench/stats",
	"bench/run":                   "bench/load bench/workload",
	"bench/report":                "bench/load bench/stats bench/workload bench/measure bench/run",
	"internal/config":             "internal/spelling",
	"internal/freeport":           "",
	"internal/logging":            "",
	"internal/spelling":           "",
	"internal/testmodel":          "models/store",
	"internal/testschemas":        "",
	"scripts/bertgguf":            "",
	"scripts/randgguf":            "",
	"scripts/loragguf":            "models/gguf",
	"cmd/moltbot":                 "batching server server/... models models/... engine engine/... cgo/... internal/... bench/...",
}

// onlyStandard must not import any library either.
var onlyStandard = []string{"batching", "kvcache", "engine/text"}

// listed is what go list tells of a package.
type listed struct {
	ImportPath string
	Imports    []string
}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, known := allowed(name)
		if !known {
			t.Errorf("package %s is not on the map: say what it may import", name)
			continue
		}
		for _, dep := range p.Imports {
			if own, ok := strings.CutPrefix(dep, module); ok && !covers(allowed, own) {
				t.Errorf("%s must not import %s", name, own)
			}
		}
	}
}

func TestPurePackagesImportTheStandardLibraryAlone(t *testing.T) {
	for _, p := range list(t) {
		if !slices.Contains(onlyStandard, strings.TrimPrefix(p.ImportPath, module)) {
			continue
		}
		for _, dep := range p.Imports {
			if strings.Contains(strings.Split(dep, "/")[0], ".") || dep == "C" {
				t.Errorf("%s must not import %s", p.ImportPath, dep)
			}
		}
	}
}

// allowed returns what a package may import, by its own name or that of a folder above it.
func allowed(name string) (string, bool) {
	if a, ok := mayImport[name]; ok {
		return a, true
	}
	folder, _, _ := strings.Cut(name, "/")
	a, ok := mayImport[folder+"/..."]
	return a, ok
}

func covers(allowed, dep string) bool {
	return slices.ContainsFunc(strings.Fields(allowed), func(a string) bool {
		below, open := strings.CutSuffix(a, "...")
		return a == dep || open && strings.HasPrefix(dep, below)
	})
}

// list returns the packages of the house that hold more than tests.
func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,GoFiles,CgoFiles", module+"...")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			listed
			GoFiles, CgoFiles []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles)+len(p.CgoFiles) > 0 {
			all = append(all, p.listed)
		}
	}
}
