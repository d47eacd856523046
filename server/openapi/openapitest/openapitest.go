// Package openapitest holds what a server does against its OpenAPI description.
//
// Owns: reading a description, and the check of a request with its answer: the
// status, the headers, the media type, the body, each event of a stream.
// Must not import: anything of Moltbot, so that any test may use it.
// Flow: a test makes a Description of what /openapi.json says and wraps its
// client's transport by Watch, which reports what isn't as described.
package openapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Description is a parsed OpenAPI 3.1 document.
type Description struct {
	doc map[string]any

	mu       sync.Mutex
	requests *jsonschema.Compiler // of the document as it is
	answers  *jsonschema.Compiler // of the document without fields that it doesn't name
}

// Operation is a method on a path.
type Operation struct {
	Method, Path string   // GET, /v1/models/{model}
	Statuses     []string // that are documented
	spec         map[string]any
	at           []string // where it stands in the document
}

// Parse reads a description.
func Parse(document []byte) (*Description, error) {
	d := &Description{}
	if err := json.Unmarshal(document, &d.doc); err != nil {
		return nil, fmt.Errorf("reading the description: %w", err)
	}
	var err error
	if d.requests, err = compiler(document, false); err != nil {
		return nil, err
	}
	d.answers, err = compiler(document, true)
	return d, err
}

const location = "openapi.json"

// compiler returns one of the schemas in a document; closed ones take no field
// that they don't name.
func compiler(document []byte, closed bool) (*jsonschema.Compiler, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return nil, fmt.Errorf("reading the description: %w", err)
	}
	if closed {
		closeObjects(doc)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource(location, doc); err != nil {
		return nil, fmt.Errorf("adding the description: %w", err)
	}
	return c, nil
}

func closeObjects(v any) {
	switch v := v.(type) {
	case []any:
		for _, inner := range v {
			closeObjects(inner)
		}
	case map[string]any:
		for _, inner := range v {
			closeObjects(inner)
		}
		_, named := v["properties"].(map[string]any)
		if _, said := v["additionalProperties"]; named && !said {
			v["additionalProperties"] = false
		}
	}
}

// Operations returns all operations, by path and method.
func (d *Description) Operations() (all []Operation) {
	for path, item := range object(d.doc["paths"]) {
		for method, spec := range object(item) {
			if method == "parameters" {
				continue
			}
			o := Operation{Method: strings.ToUpper(method), Path: path, spec: object(spec), at: []string{"paths", path, method}}
			for status := range object(o.spec["responses"]) {
				o.Statuses = append(o.Statuses, status)
			}
			slices.Sort(o.Statuses)
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b Operation) int { return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method) })
	return all
}

// TakesBody tells whether the operation reads a body.
func (o Operation) TakesBody() bool { return o.spec["requestBody"] != nil }

// find returns the operation that a request asks for. The last part of a path
// may hold slashes.
func (d *Description) find(r *http.Request) (Operation, bool) {
	var found Operation
	ok := false
	for _, o := range d.Operations() {
		if o.Method != r.Method || !fits(o.Path, r.URL) {
			continue
		}
		if !ok || strings.Count(o.Path, "{") < strings.Count(found.Path, "{") || len(o.Path) > len(found.Path) {
			found, ok = o, true
		}
	}
	return found, ok
}

func fits(template string, u *url.URL) bool {
	want, got := strings.Split(template, "/"), strings.Split(u.EscapedPath(), "/")
	if len(got) > len(want) && strings.HasSuffix(template, "/{model}") {
		got = append(got[:len(want)-1:len(want)-1], strings.Join(got[len(want)-1:], "/"))
	}
	return slices.EqualFunc(want, got, func(w, g string) bool { return w == g || strings.HasPrefix(w, "{") && g != "" })
}

// resolve follows a reference of the document.
func (d *Description) resolve(v any, at []string) (map[string]any, []string) {
	ref, ok := object(v)["$ref"].(string)
	if !ok {
		return object(v), at
	}
	at = strings.Split(strings.TrimPrefix(ref, "#/"), "/")
	var to any = d.doc
	for _, name := range at {
		to = object(to)[name]
	}
	return object(to), at
}

// validate holds JSON against the schema at a place of the document.
func (d *Description) validate(c *jsonschema.Compiler, text string, at ...string) error {
	d.mu.Lock()
	schema, err := c.Compile(location + "#" + pointer(at))
	d.mu.Unlock()
	if err != nil {
		return fmt.Errorf("the description is wrong: %w", err)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return fmt.Errorf("no JSON: %w", err)
	}
	return schema.Validate(v)
}

// pointer is a JSON pointer as a URL's fragment.
func pointer(at []string) string {
	var p strings.Builder
	for _, name := range at {
		p.WriteString("/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name)))
	}
	return p.String()
}

func object(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}
