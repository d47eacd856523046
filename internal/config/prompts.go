package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Prompts are files or chat requests, as a JSON list of strings and objects.
type Prompts string

// List returns the entries: one that begins with '{' is a request in JSON, any
// other a path.
func (p Prompts) List() (entries []string) {
	var items []json.RawMessage
	if json.Unmarshal([]byte(p), &items) != nil {
		return nil // the zero value
	}
	for _, item := range items {
		if entry, err := prompt(item); err == nil {
			entries = append(entries, entry)
		}
	}
	return entries
}

// UnmarshalText reads such a list, or paths between commas.
func (p *Prompts) UnmarshalText(text []byte) error {
	if err := plain(string(text)); err != nil {
		return err
	}
	if !strings.HasPrefix(string(text), "[") {
		return p.read(paths(string(text)))
	}
	var items []json.RawMessage
	if err := json.Unmarshal(text, &items); err != nil {
		return fmt.Errorf("not a JSON list: %w", err)
	}
	return p.read(items)
}

// paths splits a list between commas.
func paths(text string) (items []json.RawMessage) {
	for path := range strings.SplitSeq(text, ",") {
		if path = strings.TrimSpace(path); path != "" {
			quoted, _ := json.Marshal(path) // a string always encodes
			items = append(items, quoted)
		}
	}
	return items
}

// read checks the entries; paths are opened up.
func (p *Prompts) read(items []json.RawMessage) error {
	for i, item := range items {
		entry, err := prompt(item)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(entry, "{") {
			items[i], _ = json.Marshal(entry) // a string always encodes
		}
	}
	if *p = ""; len(items) > 0 {
		text, _ := json.Marshal(items) // JSON of JSON
		*p = Prompts(text)
	}
	return nil
}

// prompt reads one entry: a path, or an object that is kept as JSON.
func prompt(item json.RawMessage) (string, error) {
	if strings.HasPrefix(string(item), "{") {
		return string(item), nil
	}
	var text string
	if json.Unmarshal(item, &text) != nil || text == "" {
		return "", errors.New("an entry is a file's name, or a chat request with messages")
	}
	var path Path
	err := path.UnmarshalText([]byte(text))
	return string(path), err
}
