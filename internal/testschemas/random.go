package testschemas

import (
	"encoding/json"

	"pgregory.net/rapid"
)

type m = map[string]any

// Random draws schemas from all keywords that are served, put together as people
// do and as they don't.
func Random() *rapid.Generator[string] {
	return rapid.Custom(func(r *rapid.T) string {
		b, err := json.Marshal(drawSchema(r, 3))
		if err != nil {
			r.Fatal(err)
		}
		return string(b)
	})
}

var names = rapid.SampledFrom([]string{"a", "b", "ab", "kind", "é", "x y"})

func drawSchema(r *rapid.T, depth int) any {
	kinds := []string{"number", "integer", "string", "format", "enum", "const", "any"}
	if depth > 0 {
		kinds = append(kinds, "object", "object", "array", "anyOf", "allOf", "oneOf", "tuple", "map")
	}
	switch rapid.SampledFrom(kinds).Draw(r, "kind") {
	case "number":
		return bounds(r, m{"type": "number"}, rapid.Float64Range(-1000, 1000).Draw(r, "bound"))
	case "integer":
		return bounds(r, m{"type": "integer"}, float64(rapid.IntRange(-1000, 1000).Draw(r, "bound")))
	case "string":
		return drawString(r)
	case "format":
		return m{"type": "string", "format": rapid.SampledFrom([]string{
			"date", "time", "date-time", "duration", "hostname", "email", "ipv4", "ipv6", "uuid", "uri",
		}).Draw(r, "format")}
	case "enum":
		return m{"enum": []any{drawValue(r, 2), drawValue(r, 1), drawValue(r, 0)}}
	case "const":
		return m{"const": drawValue(r, 2)}
	case "object":
		return drawObject(r, depth)
	case "array":
		return counts(r, m{"type": "array", "items": drawSchema(r, depth-1)}, "Items")
	case "tuple":
		return counts(r, m{"type": "array", "prefixItems": drawList(r, depth), "items": rapid.Bool().Draw(r, "items")}, "Items")
	case "map":
		return m{"type": "object", "patternProperties": m{"^x-": drawSchema(r, depth-1)}, "additionalProperties": drawSchema(r, depth-1)}
	case "anyOf":
		return m{"anyOf": drawList(r, depth)}
	case "oneOf":
		return m{"oneOf": drawList(r, depth)}
	case "allOf":
		return m{"allOf": drawList(r, depth)}
	}
	return rapid.SampledFrom([]any{true, m{}, m{"type": []string{"string", "null"}}, m{"type": "boolean"}, m{"minLength": 1, "minimum": 2}}).Draw(r, "any")
}

func drawList(r *rapid.T, depth int) []any {
	var out []any
	for range rapid.IntRange(1, 3).Draw(r, "options") {
		out = append(out, drawSchema(r, depth-1))
	}
	return out
}

func bounds(r *rapid.T, s m, at float64) m {
	at = float64(int(at*4)) / 4
	if rapid.Bool().Draw(r, "low") {
		s[rapid.SampledFrom([]string{"minimum", "exclusiveMinimum"}).Draw(r, "min")] = at
	}
	if rapid.Bool().Draw(r, "high") {
		s[rapid.SampledFrom([]string{"maximum", "exclusiveMaximum"}).Draw(r, "max")] = at + float64(rapid.IntRange(-1, 200).Draw(r, "width"))/4
	}
	if rapid.IntRange(0, 3).Draw(r, "step") == 0 {
		s["multipleOf"] = rapid.SampledFrom([]float64{1, 2, 3, 7, 10, 0.5, 0.1, 0.01, 2.5}).Draw(r, "multipleOf")
	}
	return s
}

func counts(r *rapid.T, s m, what string) m {
	if rapid.Bool().Draw(r, "least") {
		s["min"+what] = rapid.IntRange(0, 3).Draw(r, "min")
	}
	if rapid.Bool().Draw(r, "most") {
		s["max"+what] = rapid.IntRange(0, 4).Draw(r, "max")
	}
	return s
}

func drawString(r *rapid.T) m {
	s := counts(r, m{"type": "string"}, "Length")
	if rapid.Bool().Draw(r, "pattern") {
		s["pattern"] = rapid.SampledFrom([]string{
			"^[a-z]+$", "b", "^a|b$", `^\d{2,4}$`, `^\S+\s\w*$`, "^(foo|bar)?$", `^[^\d"\\]*$`, `^(a$|^b)`, `\p{L}`, "^.é?$", `^[\w.-]+@x$`, "[A-F&&x]",
		}).Draw(r, "regex")
	}
	return s
}

func drawObject(r *rapid.T, depth int) m {
	s := counts(r, m{"type": "object"}, "Properties")
	properties := m{}
	var required []string
	for range rapid.IntRange(0, 3).Draw(r, "members") {
		name := names.Draw(r, "name")
		properties[name] = drawSchema(r, depth-1)
		if rapid.Bool().Draw(r, "required") && len(required) == 0 {
			required = append(required, name)
		}
	}
	s["properties"] = properties
	if len(required) > 0 {
		s["required"] = required
	}
	switch rapid.IntRange(0, 3).Draw(r, "additional") {
	case 0, 1:
		s["additionalProperties"] = false
	case 2:
		s["additionalProperties"] = drawSchema(r, depth-1)
	}
	return s
}

func drawValue(r *rapid.T, depth int) any {
	values := []any{
		nil, true, false, 0, -1, 12, 0.5, -2.25, 1e3, "", "a", "b\"\\\n", "é", "x y/z",
	}
	if depth > 0 {
		values = append(values, []any{drawValue(r, depth-1)}, m{names.Draw(r, "key"): drawValue(r, depth-1)}, []any{}, m{})
	}
	i := rapid.IntRange(0, len(values)-1).Draw(r, "value")
	return values[i]
}
