package openapi

import (
	"slices"
	"strings"
)

const schemas = "#/components/schemas/"

// allowNull writes down, for all fields of requests that may be left out, that
// null means the same.
func allowNull(whole map[string]any) {
	components := dig(whole, "components", "schemas")
	for name := range requested(whole) {
		allowNullIn(components[name])
	}
}

// requested returns the names of the schemas that requests are made of.
func requested(whole map[string]any) map[string]bool {
	found := map[string]bool{}
	for _, path := range dig(whole, "paths") {
		for _, operation := range path.(map[string]any) {
			if o, ok := operation.(map[string]any); ok {
				follow(o["requestBody"], dig(whole, "components", "schemas"), found)
			}
		}
	}
	return found
}

// follow collects the names of the schemas that v refers to.
func follow(v any, components map[string]any, found map[string]bool) {
	for _, inner := range children(v) {
		follow(inner, components, found)
	}
	o, _ := v.(map[string]any)
	ref, _ := o["$ref"].(string)
	if name, ok := strings.CutPrefix(ref, schemas); ok && !found[name] {
		found[name] = true
		follow(components[name], components, found)
	}
}

// children returns what stands in an object or an array.
func children(v any) (all []any) {
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			all = append(all, inner)
		}
	case []any:
		all = v
	}
	return all
}

func allowNullIn(v any) {
	for _, inner := range children(v) {
		allowNullIn(inner)
	}
	o, _ := v.(map[string]any)
	properties, _ := o["properties"].(map[string]any)
	required, _ := o["required"].([]any)
	for name, schema := range properties {
		if !slices.Contains(required, any(name)) {
			properties[name] = orNull(schema.(map[string]any))
		}
	}
}

// orNull returns a schema that takes null besides.
func orNull(schema map[string]any) map[string]any {
	if schema["type"] == "null" {
		return schema
	}
	wide := map[string]any{"anyOf": []any{schema, map[string]any{"type": "null"}}}
	if d, ok := schema["description"]; ok { // where readers look for it
		wide["description"] = d
	}
	return wide
}

// dig opens objects by their names.
func dig(v map[string]any, names ...string) map[string]any {
	for _, name := range names {
		v, _ = v[name].(map[string]any)
	}
	return v
}
