package config

import (
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// WriteYAML writes the configuration in force, each value with its origin as a
// comment; Load reads the same values back from it.
func (l *Loaded) WriteYAML(w io.Writer) error {
	sections := map[string]*yaml.Node{"": {Kind: yaml.MappingNode}}
	for _, f := range fields(&l.Config) {
		section, name := split(f.key)
		n := mapping(sections, section)
		n.Content = append(n.Content, scalar(name), l.value(f))
	}
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(sections[""]); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return enc.Close()
}

// mapping finds or makes the node of a section: "" or a key that ends with a dot.
func mapping(sections map[string]*yaml.Node, section string) *yaml.Node {
	if n := sections[section]; n != nil {
		return n
	}
	n := &yaml.Node{Kind: yaml.MappingNode}
	sections[section] = n
	above, name := split(strings.TrimSuffix(section, "."))
	up := mapping(sections, above)
	up.Content = append(up.Content, scalar(name), n)
	return n
}

// value is the node of a field: strings are quoted where YAML would read something else.
func (l *Loaded) value(f field) *yaml.Node {
	n := scalar(format(f.value))
	if k := f.value.Kind(); k == reflect.Int || k == reflect.Bool {
		n.Tag = ""
	}
	n.LineComment = l.Origin(f.key)
	if strings.ContainsFunc(n.LineComment, func(r rune) bool { return !unicode.IsPrint(r) }) {
		n.LineComment = strconv.Quote(n.LineComment) // a comment is one line, and a YAML file has no byte order mark inside
	}
	return n
}

func scalar(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}
