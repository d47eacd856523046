package constrain

import (
	"encoding/json"
	"math"
)

// types is a set of JSON types. integer is within number.
type types uint8

const (
	nullType types = 1 << iota
	boolType
	integerType
	fractionType // numbers that are no integers
	stringType
	arrayType
	objectType

	numberType = integerType | fractionType
	anyType    = nullType | boolType | numberType | stringType | arrayType | objectType
)

var typeNames = map[string]types{
	"null": nullType, "boolean": boolType, "integer": integerType, "number": numberType,
	"string": stringType, "array": arrayType, "object": objectType,
}

// names lists the types as a schema does.
func (t types) names() []string {
	var out []string
	for _, n := range []string{"null", "boolean", "number", "integer", "string", "array", "object"} {
		if set := typeNames[n]; t&set == set {
			out = append(out, n)
			t &^= set
		}
	}
	return out
}

// typeOf returns the type of a value.
func typeOf(v any) types {
	switch v := v.(type) {
	case bool:
		return boolType
	case json.Number:
		if f, _ := v.Float64(); f == math.Trunc(f) {
			return integerType
		}
		return fractionType
	case string:
		return stringType
	case []any:
		return arrayType
	case *object:
		return objectType
	}
	return nullType
}

// applies says which types a keyword is about.
var applies = map[string]types{
	"minLength": stringType, "maxLength": stringType, "pattern": stringType,
	"minItems": arrayType, "maxItems": arrayType, "prefixItems": arrayType, "items": arrayType,
	"minProperties": objectType, "maxProperties": objectType, "properties": objectType,
	"patternProperties": objectType, "additionalProperties": objectType, "required": objectType,
	"minimum": numberType, "maximum": numberType, "exclusiveMinimum": numberType,
	"exclusiveMaximum": numberType, "multipleOf": numberType,
}

// onlyFor tells whether no type is left but those that a keyword is about.
func (t types) onlyFor(keyword string) bool { return t&^applies[keyword] == 0 }
