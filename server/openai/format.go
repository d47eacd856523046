package openai

import (
	"strings"

	"github.com/moltbot/moltbot/engine/constrain"
)

// format is what the whole answer must follow, and which field says so.
type format struct {
	schema  string             // JSON Schema of the content; "": none
	grammar *constrain.Grammar // for the raw text; nil: none
	param   string
}

// anyObject is the schema of json_object.
const anyObject = `{"type":"object"}`

// raw is the grammar of an answer that is nothing but text; nil: it is free.
func (f format) raw() *constrain.Grammar {
	if f.schema != "" {
		return &constrain.Grammar{Kind: constrain.JSONSchema, Source: f.schema}
	}
	return f.grammar
}

// decodeFormat reads response_format, grammar and regex, of which one may be given.
func decodeFormat(o object) format {
	f := decodeGrammar(o)
	v := o.get("response_format")
	if !v.isSet() || !v.is("object") {
		return f
	}
	schema := decodeResponseFormat(v.object())
	if schema != "" && f.grammar != nil {
		v.fail("invalid_value", "Invalid 'response_format': it can't be combined with '%s'.", f.param)
	}
	if schema != "" {
		f.schema, f.param = schema, "response_format"
	}
	return f
}

// decodeResponseFormat returns a JSON Schema, "" for plain text.
func decodeResponseFormat(o object) string {
	switch o.need("type").enum("text", "json_object", "json_schema") {
	case "json_object":
		return decodeSchema(o.get("schema"), anyObject)
	case "json_schema":
		if nested := o.get("json_schema"); nested.isSet() || !o.get("schema").isSet() {
			return decodeNamedSchema(o.need("json_schema"))
		}
		return decodeNamedSchema(o.value)
	}
	return ""
}

// decodeNamedSchema reads {name, schema, strict, description}. Each schema is
// enforced, strict or not.
func decodeNamedSchema(v value) string {
	if !v.is("object") {
		return ""
	}
	o := v.object()
	if name := o.get("name"); name.isSet() && name.is("string") && !toolName.MatchString(name.str()) {
		name.fail("invalid_value", "Invalid '%s': string does not match pattern. Expected a string that matches the pattern '%s'.", name.path, toolName)
	}
	o.get("strict").boolean()
	o.get("description").str()
	return decodeSchema(o.need("schema"), "")
}

func decodeSchema(v value, none string) string {
	if !v.isSet() {
		return none
	}
	if v.kind() != "boolean" {
		v.is("object")
	}
	return compact(v.raw)
}

// decodeGrammar reads ours beyond OpenAI: a grammar in GBNF or Lark, or a pattern.
func decodeGrammar(o object) format {
	grammar, regex := o.get("grammar"), o.get("regex")
	if grammar.str() != "" && regex.str() != "" {
		regex.fail("invalid_value", "Invalid 'regex': it can't be combined with 'grammar'.")
	}
	switch {
	case grammar.str() != "":
		return format{param: "grammar", grammar: &constrain.Grammar{Kind: dialect(grammar.str()), Source: grammar.str()}}
	case regex.str() != "":
		return format{param: "regex", grammar: &constrain.Grammar{Kind: constrain.Regex, Source: regex.str()}}
	}
	return format{}
}

// dialect tells the two grammars apart: rules of GBNF are written with ::=.
func dialect(source string) constrain.Kind {
	if strings.Contains(source, "::=") {
		return constrain.GBNF
	}
	return constrain.Lark
}
