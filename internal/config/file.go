package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readFile lays the YAML file over the defaults. Its error says why the file
// can't be read; what is wrong inside becomes Problems.
func (l *loader) readFile(name string) error {
	if name == "" {
		return nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	l.readYAML(name, text)
	return nil
}

func (l *loader) readYAML(name string, text []byte) {
	docs := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	err := docs.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return // an empty file sets nothing
	}
	if err == nil {
		f := yamlFile{loader: l, name: name}
		f.section("", doc.Content[0])
		err = docs.Decode(&second)
	}
	switch {
	case err == nil:
		l.problems.add(fmt.Sprintf("%s:%d", name, second.Line), "a second YAML document: keep one")
	case !errors.Is(err, io.EOF):
		l.problems = append(l.problems, syntaxProblem(name, err))
	}
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// syntaxProblem moves the line number out of the parser's text.
func syntaxProblem(name string, err error) Problem {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	at := name
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		at, text = name+":"+m[1], strings.TrimPrefix(err.Error(), m[0])
	}
	return Problem{At: at, Text: "not valid YAML: " + text}
}

// yamlFile walks the nodes of one file, which know their lines.
type yamlFile struct {
	*loader
	name string
}

func (f yamlFile) at(n *yaml.Node) string { return fmt.Sprintf("%s:%d:%d", f.name, n.Line, n.Column) }

// section reads a mapping; prefix is "" or ends with a dot.
func (f yamlFile) section(prefix string, n *yaml.Node) {
	n = target(n)
	if n.Tag == "!!null" {
		return // a section with nothing in it
	}
	if n.Kind != yaml.MappingNode {
		f.problems.add(f.at(n), "%s must hold names and values, like '%s: …'", inSection(prefix), f.names(prefix)[0])
		return
	}
	seen := map[string]int{} // the line of each name
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i]
		if line, ok := seen[name.Value]; ok {
			f.problems.add(f.at(name), "'%s' is set twice, first in line %d", prefix+name.Value, line)
			continue
		}
		seen[name.Value] = name.Line
		f.entry(prefix, name, n.Content[i+1])
	}
}

// entry reads one name and what stands behind it.
func (f yamlFile) entry(prefix string, name, value *yaml.Node) {
	key := prefix + name.Value
	if !slices.Contains(f.names(prefix), name.Value) {
		f.problems.add(f.at(name), "unknown key '%s' in %s%s", name.Value, inSection(prefix), f.suggest(prefix, name.Value))
		return
	}
	if known, ok := f.find(key); ok {
		f.value(known, target(value))
		return
	}
	f.section(key+".", value)
}

// value reads what stands behind a known name: a list where the key takes one, else a scalar.
func (f yamlFile) value(known field, n *yaml.Node) {
	if _, takes := known.value.Interface().(list); !takes || n.Kind != yaml.SequenceNode {
		f.scalar(known, n)
		return
	}
	var items []any
	err := n.Decode(&items)
	text, jsonErr := json.Marshal(items)
	if err = cmp.Or(err, jsonErr); err != nil {
		f.problems.add(f.at(n), "%s: %v", known.key, err)
		return
	}
	f.set(known, string(text), f.at(n), fmt.Sprintf("%s:%d", f.name, n.Line))
}

func (f yamlFile) scalar(known field, n *yaml.Node) {
	switch {
	case n.Kind != yaml.ScalarNode:
		f.problems.add(f.at(n), "%s takes a single value", known.key)
	case n.Tag == "!!null":
		f.problems.add(f.at(n), "%s has no value: give it one or leave the line out", known.key)
	default:
		f.set(known, n.Value, f.at(n), fmt.Sprintf("%s:%d", f.name, n.Line))
	}
}

// suggest looks for the nearest name in the section, then for the same name elsewhere.
func (f yamlFile) suggest(prefix, name string) string {
	if near := didYouMean(name, f.names(prefix)); near != "" {
		return near
	}
	for _, known := range f.fields {
		section, last := split(known.key)
		if name == known.key {
			return fmt.Sprintf(", write '%s' in a section '%s'", last, strings.TrimSuffix(section, "."))
		}
		if name == last {
			return fmt.Sprintf(", did you mean '%s'?", known.key)
		}
	}
	return fmt.Sprintf(", which knows %s", strings.Join(f.names(prefix), ", "))
}

// split cuts a key before its last part: "server.", "listen".
func split(key string) (section, name string) {
	dot := strings.LastIndex(key, ".") + 1
	return key[:dot], key[dot:]
}

// target follows an alias; YAML has no alias of an alias.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func inSection(prefix string) string {
	if prefix == "" {
		return "the file"
	}
	return strings.TrimSuffix(prefix, ".")
}
